// expect: this literal is longer than the String<N> that it is given to
#include <shmbus/shmbus.hpp>

struct Person {
  shmbus::String<4> name;
};

Person somebody() { return {.name = "Ada, Countess of Lovelace"}; }
