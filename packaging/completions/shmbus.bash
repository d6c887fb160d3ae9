# Completion of shmbus for bash. `shmbus completions bash` prints this file.
#
# `shmbus complete` decides what could come next. Its lines are data: they are read as they stand,
# and nothing in them is expanded, because names come from other programs on the bus.
_shmbus() {
  local kind='' line
  COMPREPLY=()
  {
    IFS= read -r kind
    while IFS= read -r line; do COMPREPLY+=("$line"); done
  } < <(command shmbus complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
  if [[ $kind == files ]]; then compopt -o default; else compopt +o default; fi
}
complete -F _shmbus shmbus
