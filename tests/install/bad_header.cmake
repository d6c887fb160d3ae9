# shmbus_generate() with a header that would be found in the place of <errno.h>.
include("${source}/cmake/shmbusGenerate.cmake")
shmbus_generate(none api.yaml HEADER errno.h)
