#!/bin/sh
# Stands where make's tests look for perl, and does what they have its one helper script do, by pairs of words; any other use of perl fails.
case $1 in */thelp.pl) shift ;; *) echo "no perl here: $*" >&2; exit 127 ;; esac
quiet= limit=4
[ "$1" = -q ] && quiet=yes && shift
say() { [ -n "$quiet" ] || echo "$@"; }
while [ $# -gt 1 ]; do
  case $1 in
    out) echo "$2" ;;
    file) say file "$2" && : > "$2" || exit 2 ;;
    dir) say dir "$2" && mkdir "$2" || exit 2 ;;
    rm) if [ -d "$2" ]; then rmdir "$2"; else rm "$2"; fi || exit 2
      say rm "$2" ;;
    tmout) limit=$2
      say tmout "$2" ;;
    wait) end=$(($(date +%s) + limit))
      until [ -f "$2" ]; do
        [ "$(date +%s)" -le "$end" ] || { echo "wait $2: timeout" >&2; exit 2; }
        sleep 0.1
      done
      say wait "$2" ;;
    sleep) sleep "$2" && say sleep "$2" ;;
    fail) echo "fail $2"; exit "$2" ;;
    *) echo "Invalid command: $1 $2" >&2; exit 2 ;;
  esac
  shift 2
done
