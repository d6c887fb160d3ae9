// Uses shmbus through a library that links it.
#include <dependent.hpp>

int main() { return dependent_answer() == 42 ? 0 : 1; }
