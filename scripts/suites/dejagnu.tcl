# Runs tests that were written for DejaGnu by tclsh alone: tclsh dejagnu.tcl SOURCE DIRECTORY/FILE.exp, DIRECTORY as find.gnu. The suite's own
# config/unix.exp has what they call; here stands what that asks of DejaGnu. Prints RESULT lines as run.sh does. What a
# test says stands before them.
lassign $argv source file
set suite $source/[lindex [split $file .] 0]/testsuite
set expected_failure 0

proc tell {what name status} {
  # After the name comes what went wrong, with the command's words.
  regexp {^[^,\n]*} $name name
  puts "RESULT [lindex $::argv 1]:$name $status"
}
proc pass {name} { tell pass $name [expr {$::expected_failure ? 1 : 0}]; set ::expected_failure 0 }
proc fail {name} { puts $name; tell fail $name [expr {$::expected_failure ? 0 : 1}]; set ::expected_failure 0 }
proc untested {name} { puts $name; tell untested $name 77 }
proc unsupported {name} { untested $name }
proc unresolved {name} { fail $name }
proc setup_xfail {args} { set ::expected_failure 1 }
proc send_log {text} { puts -nonewline $text }
proc send_user {text} { puts -nonewline $text }
proc warning {text} { puts "WARNING: $text" }
proc perror {text} { puts "ERROR: $text" }
proc note {text} {}
proc verbose {args} {}
proc clone_output {text} {}
proc transform {name} { return $name }
proc which {name} {
  set found [lindex [auto_execok $name] 0]
  return [expr {$found eq "" ? 0 : $found}]
}
proc findfile {file args} {
  if {[file exists $file]} { return $file }
  return [lindex $args end]
}
# One test starts its program by expect, and waits for its end.
proc spawn {flag args} {
  catch { exec {*}$args } text options
  puts $text
  set code [expr {[dict exists $options -errorcode] ? [dict get $options -errorcode] : "NONE"}]
  switch [lindex $code 0] {
    NONE { set ::ended {0 0 0 0} }
    CHILDSTATUS { set ::ended [list 0 0 0 [lindex $code 2]] }
    default { set ::ended [list 0 0 -1 $code] }
  }
}
proc expect {cases} { uplevel 1 [dict get $cases eof] }
proc wait {} { return $::ended }

# config/unix.exp looks for the program above the tests' directory, and for its object file, to see that it was built.
file mkdir above/testsuite
foreach {name program} {ftsfind.o /dev/null xargs.o /dev/null find find xargs xargs} {
  file delete above/$name
  file link -symbolic above/$name [expr {$program eq "/dev/null" ? $program : [which $program]}]
}
set base_dir [pwd]/above/testsuite
set verbose 0
source $suite/config/unix.exp
if {[catch { uplevel #0 source [list $suite/$file] } problem]} {
  puts "ERROR: $problem"
  tell error error 1
}
