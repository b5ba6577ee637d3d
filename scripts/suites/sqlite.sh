# sqlite.sh TESTFIXTURE SOURCE SECONDS LIST: runs each file of SQLite's tests that LIST names, in a directory of its own, and
# prints "RESULT FILE STATUS ERRORS TESTS" and "FAILED FILE TEST…". The same lines run natively and in a sandbox.
fixture=$1 source=$2 seconds=$3 list=$4
home=$PWD
while read -r file; do
  mkdir "$home/at" && cd "$home/at" || exit 1
  timeout -s KILL "$seconds" "$fixture" "$source/$file" </dev/null >"$home/said" 2>&1
  status=$?
  counts=$(sed -n 's/^\([0-9]*\) errors out of \([0-9]*\) tests.*/\1 \2/p' "$home/said" | tail -n 1)
  echo "RESULT $file $status ${counts:-- -}"
  sed -n "s|^!Failures on these tests:|FAILED $file|p" "$home/said"
  [ -n "$counts" ] || tail -n 3 "$home/said" | sed "s|^|  $file: |"
  cd "$home" && rm -rf at
done <"$list"
