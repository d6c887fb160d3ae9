// What lies behind its struct cannot be sent by value.
// expect: make such calls with loan()
#include <shmbus/shmbus.hpp>

struct Note {
  shmbus::Text body;
};
void wrong(shmbus::Caller<shmbus::Command<"note.add", Note>>& add) { (void)add.call({}); }
