// Hostile text in each language that the programs write: one function a language, any bytes.
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "common/escape.hpp"
#include "common/utf8.hpp"
#include "support/catch.hpp"
#include "support/temp_bus.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace std::string_literals;

namespace {

/// What somebody would try who can choose a name.
const std::vector<std::string>& hostile() {
  static const std::vector<std::string> all{
      "",
      "plain.name",
      "$(touch /tmp/pwned)",
      "`id`",
      "a'b\"c\\d",
      "'; touch /tmp/pwned; '",
      "a\nb",
      "a\\x0ab",
      "a\\nb",
      "a\rb\tc",
      "\x1b[31mred\x1b[0m",
      "nul\0inside"s,
      "\x7f\x01\x1f",
      "\xc2\x85next line",          // C1
      "right\xe2\x80\xaeleft",      // U+202E
      "\xe2\x81\xa6isolate",        // U+2066
      "zero\xe2\x80\x8bwidth",      // U+200B
      "\xef\xbb\xbfmark",           // U+FEFF
      "line\xe2\x80\xa8separator",  // U+2028
      "tag\xf3\xa0\x81\x81",        // U+E0041
      "soft\xc2\xadhyphen",
      "bad \xff\xfe\xc0\xaf utf8",
      "\xed\xa0\x80 surrogate",
      "cut \xe2\x82",
      "</text><script>alert(1)</script>",
      "a & b < c > d",
      "]]>",
      "*/ int main() {} /*",
      "// ?\?/",
      "ends with \\",
      "?\?/",
      "x\":shmbus:publish { exit(); } //",
      "key: value # comment",
      "- item",
      "{a: [b, &c, *c, !t]}",
      "yes",
      "\xf0\x9f\x9a\x8c bus",
      "ünïcödé",
  };
  return all;
}

std::string first_line_of(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

TEST_CASE("escape: what people read is one line of plain text") {
  for (const auto& text : hostile()) {
    INFO(text);
    const auto shown = escape::terminal(text);
    CHECK(is_plain_text(shown));
    if (is_plain_text(text)) CHECK(shown == text);
  }
  CHECK(escape::terminal("a\nb\x1b[") == "a\\x0ab\\x1b[");
  CHECK(escape::terminal("a\xe2\x80\xae"
                         "b") == "a\\xe2\\x80\\xaeb");
  CHECK(escape::terminal("ünïcödé 🚌") == "ünïcödé 🚌");
}

TEST_CASE("escape: a shell takes a word literally") {
  for (const auto& text : hostile()) {
    if (text.find('\0') != std::string::npos) continue;
    INFO(text);
    const auto ran = test::run_program({"/bin/sh", "-c", "printf %s " + escape::shell(text)});
    CHECK(ran.code == 0);
    CHECK(ran.out == text);
    CHECK(ran.err.empty());
  }
  CHECK(escape::shell("plain.name") == "plain.name");
  CHECK(escape::shell("nul\0inside"s) == "'nul?inside'");
}

TEST_CASE("escape: JSON reads back, and a document of it deceives nobody") {
  for (const auto& text : hostile()) {
    INFO(text);
    const auto written = escape::json(text);
    CHECK(is_plain_text(written));
    const auto read = nlohmann::json::parse(written);
    const auto replaced =
        nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (is_plain_text(text)) CHECK(read == text);
    CHECK(first_line_of(written) == written);

    const auto document = escape::json_document("{\n\t\"a\": " + replaced + "\n}\n");
    CHECK(nlohmann::json::parse(document)["a"] == nlohmann::json::parse(replaced));
    CHECK(is_plain_text(document.substr(3, document.size() - 6)));
  }
}

TEST_CASE("escape: values of labels are plain, and different for different texts") {
  std::set<std::string> seen;
  for (const auto& text : hostile()) {
    INFO(text);
    const auto value = escape::prometheus(text);
    CHECK(is_plain_text(value));
    CHECK(seen.insert(value).second);
    for (std::size_t i = 0; i < value.size(); ++i) {  // only \\ and \" , no bare quote
      if (value[i] == '\\') {
        REQUIRE(i + 1 < value.size());
        CHECK((value[i + 1] == '\\' || value[i + 1] == '"'));
        ++i;
      } else {
        CHECK(value[i] != '"');
      }
    }
  }
  CHECK(escape::prometheus("a\nb") == "a\\\\x0ab");
  CHECK(escape::prometheus("a\\x0ab") == "a\\\\\\\\x0ab");
  CHECK(escape::prometheus("say \"hi\"") == "say \\\"hi\\\"");
}

TEST_CASE("escape: nothing ends a string or a path of bpftrace") {
  for (const auto& text : hostile()) {
    INFO(text);
    const auto written = escape::bpftrace(text);
    CHECK(written.size() <= 62);
    CHECK(written.front() == '"');
    CHECK(written.find_first_of("\"\\\n", 1) == written.size() - 1);
  }
  CHECK(escape::bpftrace_takes_path("/usr/bin/program-1.2 (new)"));
  CHECK(escape::bpftrace_takes_path("/home/ünï/x:y"));
  for (const char* path : {"/tmp/x\":shmbus:publish { exit(); } //", "/tmp/a*b", "/tmp/a\nb",
                           "/tmp/$1", "/tmp/a\\b", "/tmp/[a]", "/tmp/{a}", "/tmp/a?"}) {
    INFO(path);
    CHECK_FALSE(escape::bpftrace_takes_path(path));
  }
}

TEST_CASE("escape: a C++ compiler reads the same bytes, and no comment ends") {
  std::string program = "#include <cstdio>\n#include <string>\nint main() {\n";
  std::string expected;
  for (const auto& text : hostile()) {
    program += "  // " + escape::cpp_comment(text) + "\n";
    program += "  /* " + escape::cpp_comment(text) + " */\n";
    program += "  { const char t[] = \"" + escape::cpp_string(text) +
               "\"; std::fwrite(t, 1, sizeof t, stdout); }\n";
    expected += text + '\0';
  }
  program += "}\n";
  CHECK(program.find_first_not_of(
            "\n !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
            "abcdefghijklmnopqrstuvwxyz{|}~\xc3\xbc\xaf\xb6\xa9\xf0\x9f\x9a\x8c") ==
        std::string::npos);
  const test::TempFolder folder;
  const auto source = folder.path() + "/hostile.cpp";
  const auto binary = folder.path() + "/hostile";
  std::FILE* file = std::fopen(source.c_str(), "we");
  REQUIRE(file != nullptr);
  CHECK(std::fwrite(program.data(), 1, program.size(), file) == program.size());
  (void)std::fclose(file);
  const auto compiled = test::run_program({"/usr/bin/env", "c++", "-std=c++20", "-Wall", "-Werror",
                                           "-trigraphs", "-o", binary, source});
  if (compiled.code == 127) {
    WARN("SKIPPED: there is no c++");
    return;
  }
  INFO(compiled.err);
  REQUIRE(compiled.code == 0);
  CHECK(test::run_program({binary}).out == expected);
}

TEST_CASE("escape: YAML, HTML and SVG hold it as text") {
  for (const auto& text : hostile()) {
    INFO(text);
    const auto yaml = escape::yaml(text);
    CHECK(is_plain_text(yaml));
    CHECK((yaml.front() == '"' && yaml.back() == '"' && yaml.size() >= 2));
    for (const auto& markup : {escape::html(text), escape::svg(text)}) {
      CHECK(markup.find_first_of("<>\"'") == std::string::npos);
      CHECK(is_plain_text(markup));
      for (auto at = markup.find('&'); at != std::string::npos; at = markup.find('&', at + 1)) {
        CHECK(markup[at + 1] == '#');
      }
    }
  }
  CHECK(escape::yaml("a\nb\"c") == "\"a\\x0ab\\\"c\"");
  CHECK(escape::yaml("\xe2\x80\xae") == "\"\\u202e\"");
  CHECK(escape::html("<b>&\n") == "&#60;b&#62;&#38;&#10;");
  CHECK(escape::svg("\x1b\xff") == "\xEF\xBF\xBD\xEF\xBF\xBD");
}
