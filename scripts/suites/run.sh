# Runs tests of a foreign suite, one after the other, in a directory of their own: bash run.sh SUITE SOURCE SECONDS TEST...
# The same words run natively and in a sandbox. Prints RESULT, the test and its status: 0 passed, 77 left out by itself,
# 124 not ended in time. What a test says goes to a file beside; TELL lines of it are shown where it failed.
suite=$1 source=$2 seconds=$3
shift 3
LC_ALL=C PATH=$TOOLS:$PATH
export LC_ALL PATH
export SHELL=/bin/sh AWK=awk GREP=grep EGREP='grep -E' MAKE=make PERL=no-perl CC=no-compiler EXEEXT= LOCALE_FR=none LOCALE_FR_UTF8=none LOCALE_JA=none
export host_os=linux-gnu host_triplet=x86_64-pc-linux-gnu MALLOC_PERTURB_= TZ=UTC0 PCRE_WORKS=1 fail=0
export abs_top_builddir=$PWD abs_top_srcdir=$source top_srcdir=$source VERBOSE=no CONFIG_HEADER=$PWD/config.h
: > config.h
mkdir -p src sed logs
version() { export built_programs=$1 VERSION=$2 PACKAGE_VERSION=$2 PACKAGE_BUGREPORT=bug@gnu.org srcdir=$3 abs_srcdir=$3; }
case $suite in
  coreutils) version "$(cat "$source/built")" 9.1 "$source"
    test -h /bin || ln -s usr /relative # a test wants a relative link there
    for program in $built_programs; do ln -s "$(type -P "$program")" "src/$program"; done ;;
  grep) version 'grep egrep fgrep' 3.8 "$source/tests" ;;
  sed) version sed 4.9 "$source" ;;
  diffutils) version 'cmp diff diff3 sdiff' 3.8 "$source/tests" ;;
  gzip) version 'gzip gunzip zcat' 1.12 "$source/tests" ;;
  findutils) version 'find xargs' 4.9.0 "$source" ;;
  bash) export THIS_SH=/bin/bash BASH_TSTOUT=/tmp/suite-bash.out
    cp -R "$source/tests/." . ;;
  gawk) cp -R "$source/test/." . && touch Maketests ;;
  jq) cp -R "$source/tests/." . ;;
  figlet) cp -R "$source/fonts" "$source/tests" "$source/showfigfonts" .
    for program in figlet chkfont; do ln -s "$(type -P $program)" $program; done ;;
  pcre2) ln -s "$(type -P pcre2test)" pcre2test; export srcdir=$source ;;
  mawk) cp -R "$source" tree && cd tree/test && mkdir logs ;;
esac

one() { # the command of a test, its output where this writes
  case $suite in
    bash) timeout -k 2 "$seconds" sh "./$1" ;;
    gawk) rm -f "_$1"
      timeout -k 2 "$seconds" make -s -o Makefile -o Maketests AWKPROG=gawk CMP=cmp 'RM=rm -f' "$1" || return 124
      test ! -e "_$1" ;;
    mawk) MAWK=mawk timeout -k 2 "$seconds" sh ./mawktest ;;
    xz) # "unsupported" is an answer of its own: xz warns
      timeout -k 2 "$seconds" xz -dc $([ "${1##*.}" = lzma ] && echo --format=lzma) "$source/tests/files/$1" > out
      status=$?
      echo "status $status, $(cksum < out)"
      case $1 in good-*) test $status = 0 ;; bad-*) test $status = 1 ;; unsupported-*) test $status != 0 ;; esac ;;
    bzip2) # as its makefile's "test" has it: sample 1 with -1 and so on, the third is read with -s too
      sample=$source/${1#*-}
      case $1 in
        compress-*) bzip2 "-${1: -1}" < "$sample.ref" | cmp - "$sample.bz2" ;;
        *) bzip2 "-d$([ "${1: -1}" = 3 ] && echo s)" < "$sample.bz2" | cmp - "$sample.ref" ;;
      esac ;;
    zlib) # as its makefile's "teststatic" and "test64"
      case $1 in
        minigzip*) echo hello world | "$1" | "$1" -d | grep -qx 'hello world' ;;
        *) "$1" "$1.gz" ;;
      esac ;;
    pcre2) timeout -k 2 "$seconds" bash "$source/RunTest" -8 -nojit "$1" > out 2>&1
      status=$?
      cat out
      if [ $status = 0 ] && grep -q 'Skipped' out; then return 77; fi
      return $status ;;
    *) timeout -k 2 "$seconds" bash "$source/$1" ;;
  esac
}

# Each of the programs in a file of jq's is a test.
jq_file() {
  timeout "$seconds" jq -L modules --run-tests "$1.test" > "logs/$1" 2>&1
  awk -v file="$1" '
    function tell() { if (name != "") print "RESULT " file ":" name, bad }
    /^Testing / { tell(); name = $NF; bad = 0 }
    /^\*\*\*/ { bad = 1 }
    END { tell() }' "logs/$1"
}

# Each line that figlet's one script prints is a test.
if [ "$suite" = figlet ]; then
  timeout -k 2 "$seconds" sh "$source/run-tests.sh" fonts < /dev/null |
    sed -n 's/^Run test \([0-9]*\): .*\.\.\. pass$/RESULT \1 0/p; s/^Run test \([0-9]*\): .*\.\.\. \*\*fail\*\*$/RESULT \1 1/p'
  if [ -n "$TELL" ]; then cat tests.log; fi
  set --
fi

# All of tar's are one script, which autotest wrote.
if [ "$suite" = tar ]; then
  grep -v '^PATH=' "$source/tests/atlocal.in" > atlocal
  export TEST_NAMES="$*"
  AUTOTEST_PATH=$TOOLS timeout -k 2 "$seconds" bash "$source/tests/testsuite" "${@%%:*}" 2>&1 < /dev/null |
    awk 'BEGIN { split(ENVIRON["TEST_NAMES"], names, " "); for (i in names) { split(names[i], at, ":"); of[at[1]] = names[i] } }
      /^ *[0-9]+: / { number = $1 + 0
        print "RESULT", of[number], / ok *$|expected failure/ ? 0 : / skipped/ ? 77 : 1; fflush() }'
  if [ -n "$TELL" ]; then for log in testsuite.dir/*/testsuite.log; do tail -n "$TELL" "$log"; done; fi
  set --
fi

for test; do
  if [ "${test##*.}" = exp ]; then
    timeout -k 2 "$seconds" tclsh "${0%/*}/dejagnu.tcl" "$source" "$test" > "logs/${test//\//-}" 2>&1 < /dev/null || echo "RESULT $test: $?"
    grep '^RESULT ' "logs/${test//\//-}"
    if [ -n "$TELL" ]; then grep -v '^RESULT ' "logs/${test//\//-}" | tail -n "$TELL"; fi
    continue
  fi
  if [ "$suite" = jq ]; then jq_file "$test"; continue; fi
  export CU_TEST_NAME=$test GREP_TEST_NAME=$test DIFFUTILS_TEST_NAME=$test GZIP_TEST_NAME=$test
  one "$test" > "logs/${test//\//-}" 2>&1 9>&2 < /dev/null
  status=$?
  echo "RESULT $test $status"
  if [ -n "$TELL" ] && [ $status != 0 ] && [ $status != 77 ]; then tail -n "$TELL" "logs/${test//\//-}"; fi
done
