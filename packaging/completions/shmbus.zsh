#compdef shmbus
# Completion of shmbus for zsh, made by `shmbus completions zsh`; packaging/completions/ holds a copy.
_shmbus() {
  local -a commands=(
    'ls:List the names\: owner, state, counters, latency'
    'describe:Show everything about one name, with its callers'
    'ps:List the participants\: who has the bus open, and what each holds (a pid with * is of another pid namespace)'
    'top:Watch commands and processes at work, refreshed'
    'heat:Draw a latency heat map of a command over time'
    'hist:Show how long a command takes, as a histogram'
    'watch:Names as they come and go, a line for each change'
    'trace:Show the traces of the last moments, or export them'
    'call:Call a name and print its reply; the exit code tells why not'
    'send:Send a one-way command\: no reply is awaited'
    'create:Create a bus with capacities of your choice'
    'layout:Print the offset table of the segment'
    'doctor:Find what is wrong with the bus or this machine, and say how to mend it'
    'gc:Take back what dead participants hold'
    'rm:Delete the bus; refused while anyone has it open'
    'bench:Measure calls between two processes on a bus made for it'
    'gen:Make C++ types and commands from an OpenAPI 3 document'
    'tap:Commands as they run, a line for each'
    'record:Write commands with their requests to a file, for replay'
    'replay:Send what was recorded again, and report the latencies'
    'postmortem:What processes that died were running, and did last'
    'host:Serve commands out of plug-ins (.so)'
    'plugins:The plug-ins of all hosts, and how far each has come'
    'reload:Put another plug-in in the place of one'
    'policy:What is asked of the callers of a name'
    'route:Show or change which callers go to a name'\''s canary'
    'probe:Trace the processes of a bus by bpftrace\: needs root'
    'completions:Print the completion script for a shell'
  )
  local state
  _arguments -C \
        '--help[Print this help message and exit]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '--version[Display program version information and exit]' \
        '1:command:->command' '*::argument:->argument'
  case $state in
  command) _describe command commands ;;
  argument)
    case $words[1] in
    ls)
      _arguments \
        '--help[Print this help message and exit]' \
        '--all[Names that nobody has registered now, too]' \
        '--names[Only the names, one a line]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    describe)
      _arguments \
        '--help[Print this help message and exit]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '1:name:($(shmbus ls --names 2>/dev/null))' ;;
    ps)
      _arguments \
        '--help[Print this help message and exit]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    top)
      _arguments \
        '--help[Print this help message and exit]' \
        '--interval[Time between refreshes]:value:_files' \
        '--count[End after so many refreshes; 0\: never]:value:_files' \
        '--sort[By rate, p50, p99, p99.9, max, depth, errors or name]:value:_files' \
        '--filter[Only names and owners that hold this text]:value:_files' \
        '--by[Rows by command or by process]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    heat)
      _arguments \
        '--help[Print this help message and exit]' \
        '--queue[Time from the publish to the start, instead of time in the handler]' \
        '--interval[Time of one column]:value:_files' \
        '--count[End after so many columns; 0\: never, or 30 without a terminal]:value:_files' \
        '--svg[Write the map to this file at the end]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '1:name:($(shmbus ls --names 2>/dev/null))' ;;
    hist)
      _arguments \
        '--help[Print this help message and exit]' \
        '--queue[Time from the publish to the start, instead of time in the handler]' \
        '--over[Only what happens during this time from now]:value:_files' \
        '--compare[Beside what --json saved earlier]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '1:name:($(shmbus ls --names 2>/dev/null))' ;;
    watch)
      _arguments \
        '--help[Print this help message and exit]' \
        '--for[End after this time]:value:_files' \
        '--count[End after so many lines; 0\: never]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '1:name:($(shmbus ls --names 2>/dev/null))' ;;
    trace)
      _arguments \
        '--help[Print this help message and exit]' \
        '--otlp[Export\: to a collector, as OTLP/HTTP in JSON]:value:_files' \
        '--perfetto[Export\: a trace file for ui.perfetto.dev or chrome\://tracing]:value:_files' \
        '--file[Export\: OTLP in JSON, a request to the line]:value:_files' \
        '--follow[Export\: go on until interrupted]' \
        '--for[With --follow\: end after this time]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '1:word:(show export)' ;;
    call)
      _arguments \
        '--help[Print this help message and exit]' \
        '--hex[The request as hexadecimal digits]:value:_files' \
        '--text[The request as it stands here]:value:_files' \
        '--file[The request is what this file holds]:value:_files' \
        '--timeout[Give up after this; the bus'\''s own by default]:value:_files' \
        '--reply-capacity[Room for the reply; the registered size, or 64K]:value:_files' \
        '--output[How to print the reply; auto\: JSON when its type is known, raw when piped, else text or hex]:value:_files' \
        '--wait[Wait for a handler when there is none]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '1:name:($(shmbus ls --names 2>/dev/null))' ;;
    send)
      _arguments \
        '--help[Print this help message and exit]' \
        '--hex[The request as hexadecimal digits]:value:_files' \
        '--text[The request as it stands here]:value:_files' \
        '--file[The request is what this file holds]:value:_files' \
        '--timeout[The handler drops it unstarted after this]:value:_files' \
        '--wait[Queue it for the next handler when there is none]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '1:name:($(shmbus ls --names 2>/dev/null))' ;;
    create)
      _arguments \
        '--help[Print this help message and exit]' \
        '--participants[Open Bus objects in all processes (128)]:value:_files' \
        '--names[Distinct command names, for ever (256)]:value:_files' \
        '--endpoints[Servers at one time (64)]:value:_files' \
        '--lanes[Pairs of caller thread and server (256)]:value:_files' \
        '--cells-per-lane[Outstanding commands of one lane; a power of two (64)]:value:_files' \
        '--inbox-slots[Tickets of one server; a power of two (512)]:value:_files' \
        '--extents[Pieces of payload memory (44)]:value:_files' \
        '--extent-bytes[Size of one piece; a power of two (64K)]:value:_files' \
        '--user-participants[Open Bus objects of one user; 0\: no quota]:value:_files' \
        '--user-endpoints[Servers of one user; 0\: no quota]:value:_files' \
        '--user-names[Names registered first, for ever, of one user; 0\: no quota]:value:_files' \
        '--user-lanes[Pairs of caller thread and server of one user; 0\: no quota]:value:_files' \
        '--user-extents[Pieces of payload memory of one user; 0\: no quota]:value:_files' \
        '--mode[Permissions of the file]:value:_files' \
        '--group[Numeric group of the file; -1\: your own]:value:_files' \
        '--default-timeout[Of calls that name none]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    layout)
      _arguments \
        '--help[Print this help message and exit]' \
        '--defaults[Of a default bus, without looking at any]' \
        '--participants[Open Bus objects in all processes (128)]:value:_files' \
        '--names[Distinct command names, for ever (256)]:value:_files' \
        '--endpoints[Servers at one time (64)]:value:_files' \
        '--lanes[Pairs of caller thread and server (256)]:value:_files' \
        '--cells-per-lane[Outstanding commands of one lane; a power of two (64)]:value:_files' \
        '--inbox-slots[Tickets of one server; a power of two (512)]:value:_files' \
        '--extents[Pieces of payload memory (44)]:value:_files' \
        '--extent-bytes[Size of one piece; a power of two (64K)]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    doctor)
      _arguments \
        '--help[Print this help message and exit]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    gc)
      _arguments \
        '--help[Print this help message and exit]' \
        '--dry-run[Only say what would be taken back]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    rm)
      _arguments \
        '--help[Print this help message and exit]' \
        '--force[Even while participants are alive]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    bench)
      _arguments \
        '--help[Print this help message and exit]' \
        '--duration[Time for each case]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    gen)
      _arguments \
        '--help[Print this help message and exit]' \
        '--output[Header to write; - prints it]:value:_files' \
        '--namespace[Namespace of what is made]:value:_files' \
        '--check[Make static_asserts instead\: this struct of yours is what that schema says]:value:_files' \
        '--include[With --check\: a header that declares your structs]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    tap)
      _arguments \
        '--help[Print this help message and exit]' \
        '--from[Only those of this caller\: its label or pid]:value:_files' \
        '--by[Only those that this handler ran\: its label or pid]:value:_files' \
        '--failed[Only those that did not end well]' \
        '--slower[Only those that took at least so long]:value:_files' \
        '--brief[The first 32 bytes of a request are enough\: handlers keep no more for us]' \
        '--for[End after this time]:value:_files' \
        '--count[End after so many lines; 0\: never]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '1:name:($(shmbus ls --names 2>/dev/null))' ;;
    record)
      _arguments \
        '--help[Print this help message and exit]' \
        '--from[Only those of this caller\: its label or pid]:value:_files' \
        '--by[Only those that this handler ran\: its label or pid]:value:_files' \
        '--for[End after this time]:value:_files' \
        '--count[End after so many commands; 0\: never]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    replay)
      _arguments \
        '--help[Print this help message and exit]' \
        '--as-recorded[At the times at which it was recorded; the default]' \
        '--rate[Evenly, so many a second]:value:_files' \
        '--flat-out[The next as soon as there is room]' \
        '--loops[All of it so many times]:value:_files' \
        '--window[So many calls under way at most]:value:_files' \
        '--timeout[Of each call; the bus'\''s own by default]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    postmortem)
      _arguments \
        '--help[Print this help message and exit]' \
        '--last[So many events of each]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    host)
      _arguments \
        '--help[Print this help message and exit]' \
        '--label[Name of this host on the bus]:value:_files' \
        '--trial-limit[A plug-in must answer by then]:value:_files' \
        '--keep-going[Also when a plug-in fails at the start]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '*:file:_files' ;;
    plugins)
      _arguments \
        '--help[Print this help message and exit]' \
        '--names[Only HOST/NAME of those that serve]' \
        '--timeout[For each host]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' ;;
    reload)
      _arguments \
        '--help[Print this help message and exit]' \
        '--drain[Wait so long for the old one to go]:value:_files' \
        '--timeout[For all of it]:value:_files' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '1:name:($(shmbus plugins --names 2>/dev/null))' \
        '*:file:_files' ;;
    policy)
      _arguments \
        '--help[Print this help message and exit]' \
        '--deny[Nobody may call it]' \
        '--allow[Lift --deny]' \
        '--deadline[Of commands that name none; none\: that of the bus]:value:_files' \
        '--outstanding[Commands under way, of all callers; none\: no limit]:value:_files' \
        '--outstanding-per-caller[Commands under way of one caller thread; none\: no limit]:value:_files' \
        '--rate[Commands of all callers, like 100/s, 10/m or 1/250ms; none]:value:_files' \
        '--burst[How many of them may come at once (1)]:value:_files' \
        '--breaker[Open when so many percent of the calls fail, like 50%; none]:value:_files' \
        '--breaker-calls[Judge by no fewer calls (20)]:value:_files' \
        '--breaker-window[Count calls for so long (10s)]:value:_files' \
        '--breaker-open[Stay open for so long, then try one call (5s)]:value:_files' \
        '--breaker-rejections[What the handler rejects has failed]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '1:name:($(shmbus ls --names 2>/dev/null))' \
        '1:word:(set show clear)' ;;
    route)
      _arguments \
        '--help[Print this help message and exit]' \
        '--canary[Give it this share of the callers]:value:_files' \
        '--label[Give it the callers of this label]:value:_files' \
        '--promote[It becomes the owner; the former one finishes and stands by]' \
        '--rollback[All callers to the owner again; once promoted, to the former]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '1:name:($(shmbus ls --names 2>/dev/null))' ;;
    probe)
      _arguments \
        '--help[Print this help message and exit]' \
        '--pid[These processes; without\: all on the bus now]:value:_files' \
        '--all[All processes that run the same programs, also those that start later]' \
        '--for[End after this time; else SIGINT ends it]:value:_files' \
        '--print[Print the script instead of running it]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '1:word:(heat alloc wake)' ;;
    completions)
      _arguments \
        '--help[Print this help message and exit]' \
        '--bus[Name of the bus, or a path with a '\''/'\'']:value:_files' \
        '--json[Print JSON instead of text]' \
        '1:word:(bash zsh fish)' ;;
    esac ;;
  esac
}
_shmbus "$@"
