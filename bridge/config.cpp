#include "bridge/config.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>

#include "common/escape.hpp"
#include "common/units.hpp"
#include "os/descriptor.hpp"
#include "shmbus/name.hpp"

namespace shmbus::bridge {
namespace {

constexpr std::size_t file_max = 1U << 20U;
constexpr std::size_t machine_max = 40;

/// One map: each key has a reader; a key without one is wrong.
class Section {
 public:
  using Readers = std::map<std::string, std::function<void(const YAML::Node&)>>;

  Section(const std::string& source, Problems& problems) : source_(source), problems_(problems) {}

  void read(const YAML::Node& node, const Readers& readers) {
    if (!node.IsMap()) return refuse(node, "a map of settings is expected here");
    for (const auto& entry : node) {
      const auto key = entry.first.IsScalar() ? entry.first.Scalar() : std::string();
      const auto found = readers.find(key);
      if (found == readers.end()) {
        refuse(entry.first, fmt::format("there is no setting '{}' here", escape::terminal(key)));
      } else {
        found->second(entry.second);
      }
    }
  }
  void refuse(const YAML::Node& at, const std::string& why) {
    problems_.push_back(
        fmt::format("{}:{}: {}", escape::terminal(source_), at.Mark().line + 1, why));
  }

  auto text(std::string& target) {
    return [this, &target](const YAML::Node& node) {
      if (node.IsScalar() && !node.Scalar().empty()) {
        target = node.Scalar();
      } else {
        refuse(node, "a text is expected here");
      }
    };
  }
  auto flag(bool& target) {
    return [this, &target](const YAML::Node& node) {
      const auto value = node.IsScalar() ? node.Scalar() : std::string();
      if (value != "true" && value != "false") refuse(node, "true or false is expected here");
      target = value == "true";
    };
  }
  auto texts(std::vector<std::string>& target) {
    return [this, &target](const YAML::Node& node) {
      if (!node.IsSequence()) return refuse(node, "a list of texts is expected here");
      for (const auto& one : node) {
        if (one.IsScalar() && !one.Scalar().empty()) {
          target.push_back(one.Scalar());
        } else {
          refuse(one, "a text is expected here");
        }
      }
    };
  }
  auto patterns(std::vector<std::string>& target) {
    return [this, &target](const YAML::Node& node) {
      texts(target)(node);
      for (const auto& one : target) {
        if (const auto why = why_no_name(one); !why.empty()) refuse(node, std::string(why));
      }
    };
  }
  template <class T>
  auto number(T& target, std::uint64_t most) {
    return [this, &target, most](const YAML::Node& node) {
      const auto value = node.IsScalar() ? parse_whole_number(node.Scalar(), most) : std::nullopt;
      if (!value || *value == 0) {
        return refuse(node, fmt::format("a whole number from 1 to {} is expected here", most));
      }
      target = static_cast<T>(*value);
    };
  }
  auto bytes(std::size_t& target, std::uint64_t most) {
    return [this, &target, most](const YAML::Node& node) {
      const auto value = node.IsScalar() ? parse_bytes(node.Scalar()) : std::nullopt;
      if (!value || *value == 0 || *value > most) {
        return refuse(node, fmt::format("a size like 64K or 1M, at most {}, is expected", most));
      }
      target = static_cast<std::size_t>(*value);
    };
  }
  auto duration(Duration& target) {
    return [this, &target](const YAML::Node& node) {
      const auto value = node.IsScalar() ? parse_duration(node.Scalar()) : std::nullopt;
      if (!value || *value < std::chrono::milliseconds(1) || *value > std::chrono::hours(24)) {
        return refuse(node, "a duration from 1ms to 24h is expected here");
      }
      target = *value;
    };
  }

 private:
  const std::string& source_;
  Problems& problems_;
};

void read_engine(Section& in, const YAML::Node& node, Config& config) {
  auto& engine = config.engine;
  in.read(node, {{"servers", in.texts(engine.servers)},
                 {"prefix", in.text(config.prefix)},
                 {"credentials", in.text(engine.credentials)},
                 {"user", in.text(engine.user)},
                 {"password", in.text(engine.password)},
                 {"token", in.text(engine.token)},
                 {"tls", in.flag(engine.tls)},
                 {"tls_ca", in.text(engine.tls_ca)},
                 {"tls_certificate", in.text(engine.tls_certificate)},
                 {"tls_key", in.text(engine.tls_key)}});
}

void read_limits(Section& in, const YAML::Node& node, Limits& limits) {
  constexpr std::uint64_t payload_max = std::uint64_t{1} << 30U;
  in.read(node, {{"calls", in.number(limits.calls, 65'536)},
                 {"payload", in.bytes(limits.payload, payload_max)},
                 {"in_parts", in.bytes(limits.in_parts, payload_max * 4)},
                 {"call_time", in.duration(limits.call_time)},
                 {"call_time_max", in.duration(limits.call_time_max)},
                 {"labels", in.number(limits.labels, 64)}});
}

bool is_token(std::string_view text, std::string_view also) noexcept {
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!plain && also.find(c) == std::string_view::npos) return false;
  }
  return !text.empty();
}

}  // namespace

void complete(Config& config, Problems& problems) {
  if (config.machine.empty()) {
    std::array<char, 65> host{};
    (void)::gethostname(host.data(), host.size() - 1);
    config.machine = std::string(host.data()).substr(0, machine_max);
  }
  if (!is_token(config.machine, "-_") || config.machine.size() > machine_max) {
    problems.push_back("'machine' takes 1 to 40 letters, digits, '-' and '_'");
  }
  if (!is_token(config.prefix, "-_.") || config.prefix.front() == '.' ||
      config.prefix.back() == '.' || config.prefix.find("..") != std::string::npos) {
    problems.push_back("'prefix' takes words of letters, digits, '-' and '_' with dots between");
  }
  if (config.engine.servers.empty()) {
    problems.push_back("no engine: name at least one server, like nats://127.0.0.1:4222");
  }
  for (const auto& url : config.engine.servers) {
    // A misspelt scheme would otherwise be taken for a host.
    if (!url.starts_with("nats://") && !url.starts_with("tls://")) {
      problems.push_back("a server is named like nats://HOST:PORT or tls://HOST:PORT, not '" +
                         escape::terminal(url) + "'");
    }
  }
  config.engine.name = "shmbus-bridge " + config.machine;
}

std::optional<Config> parse_config(const std::string& text, const std::string& source,
                                   Problems& problems) {
  Config config;
  Section in(source, problems);
  try {
    const YAML::Node root = YAML::Load(text);
    std::string trust;
    in.read(root,
            {{"bus", in.text(config.bus)},
             {"machine", in.text(config.machine)},
             {"engine", [&](const YAML::Node& node) { read_engine(in, node, config); }},
             {"export", in.patterns(config.allow.out)},
             {"import", in.patterns(config.allow.in)},
             {"limits", [&](const YAML::Node& node) { read_limits(in, node, config.limits); }},
             {"trust", in.text(trust)}});
    if (trust == "anybody") {
      config.trust = trust_anybody;
    } else if (!trust.empty()) {
      const auto uid = parse_whole_number(trust, ~0U);
      if (!uid) problems.push_back(source + ": 'trust' takes a uid or 'anybody'");
      config.trust = static_cast<std::int64_t>(uid.value_or(0));
    }
  } catch (const YAML::Exception& e) {
    problems.push_back(fmt::format("{}:{}: {}", escape::terminal(source), e.mark.line + 1,
                                   escape::terminal(e.msg)));
  }
  complete(config, problems);
  if (!problems.empty()) return std::nullopt;
  return config;
}

std::optional<Config> read_config(const std::string& path, Problems& problems) {
  struct Close {
    void operator()(std::FILE* file) const noexcept { (void)std::fclose(file); }
  };
  const std::unique_ptr<std::FILE, Close> file(descriptor::stream(path.c_str(), "rb"));
  std::string text(file ? file_max + 1 : 0, '\0');
  if (file) text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (!file || std::ferror(file.get()) != 0) {
    problems.push_back(escape::terminal(path) + ": " + std::strerror(errno));
    return std::nullopt;
  }
  if (text.size() > file_max) {
    problems.push_back(escape::terminal(path) + ": the file is too large");
    return std::nullopt;
  }
  return parse_config(text, path, problems);
}

}  // namespace shmbus::bridge
