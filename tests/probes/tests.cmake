# Of the programs, the tool alone.
add_dependencies(shmbus_probes_tests shmbus_cli)
