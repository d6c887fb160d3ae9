// Completion of command lines: what could stand at the end of one, from the tree of commands that
// the parser itself uses, and from what is on the bus now.
//
// The scripts in packaging/completions only carry words to and fro: `shmbus complete SHELL ...`
// prints what could come next, and the script hands that to its shell as data. Names come from
// peers: no text of theirs is ever expanded or evaluated, and what a shell could not take literally
// is left out.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace shmbus::cli {

struct Candidate {
  std::string text;
  std::string description;  ///< may be empty
};

struct Candidates {
  bool files = false;  ///< the shell's own completion of file names is wanted instead
  std::vector<Candidate> all;
};

/// What could stand in the place of `current`, which follows `words` (without the program).
/// Candidates that do not begin with `current` are among them.
Candidates candidates_for(const CLI::App& app, std::span<const std::string> words,
                          const std::string& current);

/// Where in a line of bash a word is being completed. Nothing of the line is expanded.
struct BashLine {
  std::vector<std::string> words;  ///< those before, of the same command, without their quotes
  std::string current;             ///< without quotes
  std::string kept;                ///< the part of `current` that readline leaves in place
  char quote = '\0';               ///< that is open: ' or "
  bool usable = true;              ///< false: nothing that was inserted would be taken literally
};
/// `line` ends where the cursor is; `breaks` is $COMP_WORDBREAKS.
BashLine read_bash_line(std::string_view line, std::string_view breaks);

/// What readline is to insert for `text`; nothing when it cannot be written there.
std::optional<std::string> bash_insertion(const BashLine& line, std::string_view text);

/// shmbus complete bash LINE WORDBREAKS | zsh PROGRAM WORD... CURRENT | fish PROGRAM WORD...
/// CURRENT Prints "files" or "words", then one candidate a line: for zsh and fish with a tab and a
/// description. Returns the exit code.
int run_completion(const CLI::App& app, std::span<const std::string> arguments);

}  // namespace shmbus::cli
