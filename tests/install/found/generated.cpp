// Types from two versions of one document.
#include "api.v1.hpp"
#include "api.v2.hpp"

static_assert(v1::ItemPut::name.text == "item.put");
static_assert(sizeof(v1::Item::label) == sizeof(shmbus::String<12>));
static_assert(sizeof(v2::Item::label) == sizeof(shmbus::String<20>));

int main() { return 0; }
