# Completion of shmbus for fish. `shmbus completions fish` prints this file.
#
# `shmbus complete` decides what could come next. Its lines are data: fish quotes what it inserts,
# and nothing in them is expanded, because names come from other programs on the bus.
function __shmbus_complete
    set -l current (commandline -ct)
    set -l lines (command shmbus complete fish (commandline -opc) "$current" 2>/dev/null)
    if test "$lines[1]" = files
        __fish_complete_path "$current"
    else
        set -e lines[1]
        printf '%s\n' $lines
    end
end
complete -c shmbus -f -a '(__shmbus_complete)'
