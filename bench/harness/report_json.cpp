#include "harness/report_json.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace shmbus::bench {
namespace {

using Json = nlohmann::ordered_json;

Json known(double value) { return value > 0 ? Json(value) : Json(nullptr); }

std::string_view status_name(RoundResult::Status status) {
  switch (status) {
    case RoundResult::Status::ok:
      return "ok";
    case RoundResult::Status::skipped:
      return "skipped";
    case RoundResult::Status::failed:
      return "failed";
  }
  return "?";
}

Json figure_json(const Machine& machine, const Figure& figure) {
  Json out;
  out["name"] = figure.name;
  out["payload"] = figure.payload;
  out["mode"] = figure.mode;
  out["unit"] = unit_name(figure.unit);
  out["p50"] = known(figure.p50);
  out["p90"] = known(figure.p90);
  out["p99"] = known(figure.p99);
  out["p999"] = known(figure.p999);
  out["p9999"] = known(figure.p9999);
  out["max"] = known(figure.max);
  out["rate"] = known(figure.rate());
  out["ratio"] = known(figure.ratio);
  out["ratio_to"] = figure.ratio_to.empty() ? Json(nullptr) : Json(figure.ratio_to);
  out["ratio_p99"] = known(figure.ratio_p99);
  out["spread"] = figure.spread;
  out["rounds"] = figure.samples.size();
  out["placement"] = figure.placement;
  out["quiet"] = figure.quiet;
  out["value"] = figure.value;
  out["samples"] = figure.samples;
  out["ratio_samples"] = figure.ratio_samples;
  out["status"] = status_name(figure.status);
  if (!figure.why.empty()) {
    out["why"] = figure.why;
  }
  out["machine"] = machine.cpu;
  out["kernel"] = machine.kernel;
  out["compiler"] = machine.compiler;
  out["commit"] = machine.commit;
  return out;
}

}  // namespace

std::string figures_json(const Machine& machine, const std::vector<Figure>& figures) {
  Json list = Json::array();
  for (const Figure& figure : figures) {
    list.push_back(figure_json(machine, figure));
  }
  return list.dump(1) + "\n";
}

std::vector<OldFigure> read_figures_json(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    throw std::runtime_error("cannot read " + path);
  }
  std::vector<OldFigure> figures;
  try {
    for (const Json& in : Json::parse(file)) {
      OldFigure figure;
      figure.name = in.at("name");
      figure.placement = in.at("placement");
      figure.value = in.at("value");
      figure.ratio = in.at("ratio").is_null() ? 0.0 : in.at("ratio").get<double>();
      figure.samples = in.at("samples").get<std::vector<double>>();
      figure.ratio_samples = in.at("ratio_samples").get<std::vector<double>>();
      figures.push_back(std::move(figure));
    }
  } catch (const Json::exception& error) {
    throw std::runtime_error(path + " is not a list of figures: " + error.what());
  }
  return figures;
}

}  // namespace shmbus::bench
