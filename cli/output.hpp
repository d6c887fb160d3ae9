// How things are printed: tables whose columns line up, colours on a terminal that wants them, JSON
// on request. Texts that came from the bus pass printable(), so that no peer can steer a terminal.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace shmbus::cli {

enum class Style : std::uint8_t { plain, bold, dim, good, warn, bad };

[[nodiscard]] bool on_terminal();
/// A terminal, and NO_COLOR is not set.
[[nodiscard]] bool colours();
[[nodiscard]] std::string styled(std::string_view text, Style style);

/// escape::terminal(): characters that deceive, and what is no UTF-8, become "\xNN".
[[nodiscard]] std::string printable(std::string_view text);
/// Valid UTF-8 without deceptive characters (common/utf8.hpp) other than tab and line ends.
[[nodiscard]] bool is_text(std::string_view bytes);

enum class Align : std::uint8_t { left, right };

struct Column {
  std::string title;
  Align align = Align::left;
};

struct Cell {
  std::string text;
  Style style = Style::plain;

  Cell(std::string cell_text, Style cell_style = Style::plain)  // NOLINT: a text is a cell
      : text(std::move(cell_text)), style(cell_style) {}
  Cell(std::string_view cell_text) : text(cell_text) {}  // NOLINT
  Cell(const char* cell_text) : text(cell_text) {}       // NOLINT
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  /// Every line ends with '\n'; nothing is padded at its end.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

/// JSON for a terminal or a pipe: what is no UTF-8 is replaced, what deceives is "\uNNNN". On one
/// line with an indent of -1.
[[nodiscard]] std::string json_text(const nlohmann::json& value, int indent = -1);
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& value, int indent = -1);
void print_json(const nlohmann::json& value);

}  // namespace shmbus::cli
