#compdef shmbus
# Completion of shmbus for zsh. `shmbus completions zsh` prints this file.
#
# `shmbus complete` decides what could come next. Its lines are data: compadd quotes them, and
# nothing in them is expanded, because names come from other programs on the bus.
_shmbus() {
  local output line
  local -a lines texts shown
  output=$(command shmbus complete zsh "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
  lines=("${(@f)output}")
  if [[ $lines[1] == files ]]; then
    _files
    return
  fi
  for line in "${(@)lines[2,-1]}"; do
    texts+=("${line%%$'\t'*}")
    shown+=("${line//$'\t'/  }")
  done
  (( $#texts )) && compadd -l -d shown -a -- texts
}
if [[ $funcstack[1] == _shmbus ]]; then _shmbus "$@"; else compdef _shmbus shmbus; fi
