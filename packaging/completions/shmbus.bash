# Completion of shmbus for bash, made by `shmbus completions bash`; packaging/completions/ holds a copy.
_shmbus() {
  local word command='' words='' current=${COMP_WORDS[COMP_CWORD]}
  local bus=${SHMBUS_BUS:-default} is_bus=0
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [ "$is_bus" = 1 ]; then bus=$word is_bus=0; continue; fi
    case $word in
    --bus) is_bus=1 ;;
    -*) ;;
    *) [ -n "$command" ] || command=$word ;;
    esac
  done
  case ${COMP_WORDS[COMP_CWORD-1]} in
  --bus | --file | --perfetto | --svg | --compare)
    mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
  esac
  case $command in
    '') words="ls describe ps top heat hist watch trace call send create layout doctor gc rm bench gen tap record replay postmortem host plugins reload policy route probe completions --help --bus --json --version" ;;
    ls) words="--help --all --names --bus --json" ;;
    describe) words="--help $(SHMBUS_BUS=$bus shmbus ls --names 2>/dev/null) --bus --json" ;;
    ps) words="--help --bus --json" ;;
    top) words="--help --interval --count --sort --filter --by --bus --json" ;;
    heat) words="--help --queue --interval --count --svg $(SHMBUS_BUS=$bus shmbus ls --names 2>/dev/null) --bus --json" ;;
    hist) words="--help --queue --over --compare $(SHMBUS_BUS=$bus shmbus ls --names 2>/dev/null) --bus --json" ;;
    watch) words="--help --for --count $(SHMBUS_BUS=$bus shmbus ls --names 2>/dev/null) --bus --json" ;;
    trace) words="--help --otlp --perfetto --file --follow --for show export --bus --json" ;;
    call) words="--help --hex --text --file --timeout --reply-capacity --output --wait $(SHMBUS_BUS=$bus shmbus ls --names 2>/dev/null) --bus --json" ;;
    send) words="--help --hex --text --file --timeout --wait $(SHMBUS_BUS=$bus shmbus ls --names 2>/dev/null) --bus --json" ;;
    create) words="--help --participants --names --endpoints --lanes --cells-per-lane --inbox-slots --extents --extent-bytes --user-participants --user-endpoints --user-names --user-lanes --user-extents --mode --group --default-timeout --bus --json" ;;
    layout) words="--help --defaults --participants --names --endpoints --lanes --cells-per-lane --inbox-slots --extents --extent-bytes --bus --json" ;;
    doctor) words="--help --bus --json" ;;
    gc) words="--help --dry-run --bus --json" ;;
    rm) words="--help --force --bus --json" ;;
    bench) words="--help --duration --bus --json" ;;
    gen) words="--help --output --namespace --check --include --bus --json" ;;
    tap) words="--help --from --by --failed --slower --brief --for --count $(SHMBUS_BUS=$bus shmbus ls --names 2>/dev/null) --bus --json" ;;
    record) words="--help --from --by --for --count --bus --json" ;;
    replay) words="--help --as-recorded --rate --flat-out --loops --window --timeout --bus --json" ;;
    postmortem) words="--help --last --bus --json" ;;
    host) words="--help --label --trial-limit --keep-going $(compgen -f -- "$current") --bus --json" ;;
    plugins) words="--help --names --timeout --bus --json" ;;
    reload) words="--help --drain --timeout $(SHMBUS_BUS=$bus shmbus plugins --names 2>/dev/null) $(compgen -f -- "$current") --bus --json" ;;
    policy) words="--help --deny --allow --deadline --outstanding --outstanding-per-caller --rate --burst --breaker --breaker-calls --breaker-window --breaker-open --breaker-rejections set show clear $(SHMBUS_BUS=$bus shmbus ls --names 2>/dev/null) --bus --json" ;;
    route) words="--help --canary --label --promote --rollback $(SHMBUS_BUS=$bus shmbus ls --names 2>/dev/null) --bus --json" ;;
    probe) words="--help --pid --all --for --print heat alloc wake --bus --json" ;;
    completions) words="--help bash zsh fish --bus --json" ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _shmbus shmbus
