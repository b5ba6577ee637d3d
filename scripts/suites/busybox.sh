# Runs busybox's tests of its applets, or those of its shell with any shell: sh busybox.sh SUITE SOURCE SECONDS TEST...
# Prints RESULT, the test and its status, as run.sh does. Only busybox is needed, and .config of its build in CONFIG.
suite=$1 source=$2 seconds=$3
shift 3
export TZ=UTC0
case $suite in
  busybox)
    cp -R "$source/testsuite" . && cp "$CONFIG" .config && ln -s /bin/busybox busybox && cd testsuite || exit 1
    for applet; do
      timeout -s KILL "$seconds" sh ./runtest "$applet" < /dev/null 2>&1 | tr '\t' ' ' |
        sed -n "s|^PASS: \(.*\)|RESULT $applet: \1 0|p; s|^FAIL: \(.*\)|RESULT $applet: \1 1|p; s/^\(SKIPPED\|UNTESTED\): \(.*\)/RESULT $applet: \2 77/p"
    done ;;
  ash | dash)
    cp -R "$source/shell/ash_test/." . && ln -s "/bin/$suite" ash || exit 1
    eval "$(sed -n 's/^CONFIG/export CONFIG/p' "$CONFIG")"
    PATH=$PWD:$TOOLS:$PATH THIS_SH=$PWD/ash top=$PWD
    export PATH THIS_SH
    for test; do
      cd "$top/${test%/*}" || exit 1
      name=${test##*/}
      right=${name%.tests}.right
      timeout -s KILL "$seconds" "$THIS_SH" "./$name" > "$name.out" 2>&1 < /dev/null
      cmp -s "$name.out" "$right"
      status=$?
      echo "RESULT $test $status"
      if [ -n "$TELL" ] && [ $status != 0 ]; then diff -u "$right" "$name.out" | tail -n "$TELL"; fi
    done ;;
esac
