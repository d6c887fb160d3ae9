// shmbus call with records, and describe of a command with a stream in it.
#include <csignal>
#include <nlohmann/json.hpp>
#include <string>

#include "streams/support.hpp"
#include "support/program.hpp"
#include "support/tool.hpp"

using namespace shmbus;
using namespace std::chrono_literals;

namespace {

struct Line {
  std::uint32_t number = 0;
  String<32> text;
};
struct Wanted {
  std::uint32_t lines = 0;
};
struct Counted {
  std::uint64_t lines = 0;
};
using Lines = Command<"lines.list", Wanted, Stream<Line>>;
using Count = Command<"lines.count", Stream<Line>, Counted>;
using Echo = Command<"lines.echo", Stream<Line>, Stream<Line>>;

constexpr const char* hostile = "a \x1b[31m\n\u202eb";

test::Child lines_process(const std::string& path) {
  return test::handler_process(path, [](Bus&, Server& server) {
    return server.on<Lines>([](const Wanted& wanted, Writer<Line>& out) -> Result<void> {
      for (std::uint32_t i = 0; i < wanted.lines; ++i) {
        Line line{i, {}};
        (void)line.text.assign(hostile);
        if (auto put = out.put(line); !put) return put;
      }
      if (wanted.lines == 13) return fail(ErrorKind::rejected, "thirteen", 13);
      return {};
    }) && server.on<Count>([](Reader<Line>& in) -> Result<Counted> {
      Counted counted;
      while (in.next()) ++counted.lines;
      if (!in.complete()) return fail(ErrorKind::cancelled, "not all");
      return counted;
    }) && server.on<Echo>([](Reader<Line>& in, Writer<Line>& out) -> Result<void> {
      while (const auto line = in.next()) {
        if (auto put = out.put(**line); !put) return put;
      }
      return {};
    });
  });
}

std::string line_of(int number) {
  return "{\"number\": " + std::to_string(number) + ", \"text\": \"x\"}\n";
}

}  // namespace

TEST_CASE("the tool prints records of a handler, escaped, and how the stream ended", "[streams]") {
  const test::TempBus path;
  const auto handler = lines_process(path.path());
  (void)test::open_when_served(path.path(), "lines.echo");
  const auto three = test::run_tool({"--bus", path.path(), "call", "lines.list", "{\"lines\": 3}"});
  CHECK(three.code == 0);
  CHECK(std::count(three.out.begin(), three.out.end(), '\n') == 3);
  CHECK(three.out.find('\x1b') == std::string::npos);
  CHECK(three.out.find("\u202e") == std::string::npos);
  const auto first = nlohmann::json::parse(three.out.substr(0, three.out.find('\n')));
  CHECK(first["text"] == hostile);
  const auto refused =
      test::run_tool({"--bus", path.path(), "call", "lines.list", "{\"lines\": 13}"});
  CHECK(refused.code == static_cast<int>(ErrorKind::rejected));
  CHECK(std::count(refused.out.begin(), refused.out.end(), '\n') == 13);
  CHECK(refused.err.find("thirteen") != std::string::npos);
}

TEST_CASE("the tool sends each line of its input as a record", "[streams]") {
  const test::TempBus path;
  const auto handler = lines_process(path.path());
  (void)test::open_when_served(path.path(), "lines.echo");
  std::string input;
  for (int i = 0; i < 5000; ++i) input += line_of(i);
  const auto counted = test::run_tool({"--bus", path.path(), "call", "lines.count"}, input);
  CHECK(counted.code == 0);
  CHECK(nlohmann::json::parse(counted.out)["lines"] == 5000);
  input.pop_back();  // the last line has no end
  const auto echoed = test::run_tool({"--bus", path.path(), "call", "lines.echo"}, input);
  CHECK(echoed.code == 0);
  CHECK(std::count(echoed.out.begin(), echoed.out.end(), '\n') == 5000);
  const auto wrong =
      test::run_tool({"--bus", path.path(), "call", "lines.count"}, line_of(1) + "{\"no\": 1}\n");
  CHECK(wrong.code == static_cast<int>(ErrorKind::invalid_argument));
  const auto long_line = test::run_tool(
      {"--bus", path.path(), "call", "lines.count", "--window", "4096"}, std::string(200'000, 'x'));
  CHECK(long_line.code == static_cast<int>(ErrorKind::too_large));
}

TEST_CASE("the tool shows what comes back before its input ends", "[streams]") {
  const test::TempBus path;
  const auto handler = lines_process(path.path());
  (void)test::open_when_served(path.path(), "lines.echo");
  const std::string out = path.path() + ".out";
  // One line, then an input that stays open.
  const auto tool = test::start_program(
      {"/bin/sh", "-c",
       "(echo '{\"number\": 7, \"text\": \"x\"}'; exec sleep 60) | exec \"$0\" --bus \"$1\" call "
       "lines.echo",
       SHMBUS_BIN_DIR "/shmbus", path.path()},
      {.out = out, .err = out + ".err"});
  CHECK(test::eventually(
      [&] { return test::read_whole_file(out).find("\"number\":7") != std::string::npos; }, 20s));
  ::unlink(out.c_str());
  ::unlink((out + ".err").c_str());
}

TEST_CASE("bytes need to be told which way they go", "[streams]") {
  const test::TempBus path;
  const auto handler = test::streams_process(path.path());
  (void)test::open_when_served(path.path(), "echo");
  const auto echoed = test::run_tool(
      {"--bus", path.path(), "call", "echo", "--records", "both", "--window", "300"}, "a\nbb\n");
  CHECK(echoed.code == 0);
  CHECK(echoed.out == "a\nbb\n");
  CHECK(test::run_tool({"--bus", path.path(), "call", "echo", "--records", "sideways"}).code == 64);
  CHECK(test::run_tool({"--bus", path.path(), "call", "echo", "--records", "both", "--window", "x"})
            .code == 64);
}

TEST_CASE("describe tells streams from single messages", "[streams]") {
  const test::TempBus path;
  const auto handler = lines_process(path.path());
  (void)test::open_when_served(path.path(), "lines.echo");
  const auto text = test::run_tool({"--bus", path.path(), "describe", "lines.list"}).out;
  CHECK(text.find("REQUEST ") != std::string::npos);
  CHECK(text.find("REPLIES") != std::string::npos);
  const auto json = nlohmann::json::parse(
      test::run_tool({"--bus", path.path(), "describe", "lines.count", "--json"}).out);
  CHECK(json["request_stream"] == true);
  CHECK(json["reply_stream"] == false);
}
