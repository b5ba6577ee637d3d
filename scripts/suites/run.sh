# Runs tests of a foreign suite, one after the other, in a directory of their own: bash run.sh SUITE SOURCE SECONDS TEST...
# The same words run natively and in a sandbox. Prints RESULT, the test and its status: 0 passed, 77 left out by itself,
# 124 not ended in time. What a test says goes to a file beside.
suite=$1 source=$2 seconds=$3
shift 3
LC_ALL=C PATH=${TOOLS:+$TOOLS:}$PATH
export LC_ALL PATH
export SHELL=/bin/sh AWK=awk EGREP='grep -E' MAKE=make PERL=no-perl CC=no-compiler EXEEXT= LOCALE_FR=none LOCALE_FR_UTF8=none LOCALE_JA=none
export host_os=linux-gnu host_triplet=x86_64-pc-linux-gnu MALLOC_PERTURB_= TZ=UTC0 PCRE_WORKS=0
export abs_top_builddir=$PWD abs_top_srcdir=$source top_srcdir=$source VERBOSE=no CONFIG_HEADER=$PWD/config.h
: > config.h
mkdir -p src sed logs
case $suite in
  coreutils) export srcdir=$source abs_srcdir=$source built_programs="$(cat "$source/built")" VERSION=9.1 PACKAGE_VERSION=9.1 ;;
  grep) export srcdir=$source/tests abs_srcdir=$source/tests built_programs='grep egrep fgrep' VERSION=3.8 PACKAGE_VERSION=3.8 PACKAGE_BUGREPORT=bug-grep@gnu.org ;;
  sed) export srcdir=$source abs_srcdir=$source built_programs=sed VERSION=4.9 PACKAGE_VERSION=4.9 ;;
  bash) export THIS_SH=/bin/bash BASH_TSTOUT=/tmp/suite-bash.out
    cp -R "$source/tests/." . ;;
esac
for test; do
  case $suite in
    bash) command=(sh "./$test") ;;
    *) command=(bash "$source/$test") ;;
  esac
  export CU_TEST_NAME=$test GREP_TEST_NAME=$test
  timeout -k 2 "$seconds" "${command[@]}" > "logs/${test//\//-}" 2>&1 9>&2 < /dev/null
  status=$?
  echo "RESULT $test $status"
  if [ -n "$TELL" ] && [ $status != 0 ] && [ $status != 77 ]; then tail -n "$TELL" "logs/${test//\//-}"; fi
done
