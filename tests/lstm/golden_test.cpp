// Every path of the library against an independent autograd implementation.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "conformance.hpp"

namespace golden_test {

namespace fs = std::filesystem;
using glstm::check_conformance;
using glstm::Conformance;
using glstm::conformance_paths;
using glstm::ConformancePath;
using glstm::Index;
using glstm::parse_golden_case;
using glstm::Safetensors;
using glstm::Tensor;

namespace {

const fs::path golden_folder = fs::path(GLSTM_TEST_DATA) / "golden";

Safetensors golden_file(const std::string& name) {
  return glstm::load_safetensors(golden_folder / (name + ".safetensors"));
}

std::vector<double>& numbers(Safetensors& file, const std::string& name) {
  return std::get<std::vector<double>>(file.tensors.at(name).values);
}

/// Moves the element of largest magnitude by `relative` of it.
void disturb(Safetensors& file, const std::string& name, double relative) {
  std::vector<double>& values = numbers(file, name);
  *std::max_element(values.begin(), values.end(),
                    [](double a, double b) { return std::abs(a) < std::abs(b); }) *= 1 + relative;
}

Conformance check(const Safetensors& file, ConformancePath path) {
  return check_conformance(parse_golden_case(file, "some/file"), path);
}

/// The message with which a changed file is refused.
template <class Change>
std::string error_after(const std::string& name, Change&& change) {
  Safetensors file = golden_file(name);
  change(file);
  return error_of([&] { check(file, ConformancePath::reference_double); });
}

}  // namespace

TEST_CASE("every path computes what an independent implementation computed") {
  Index files = 0;
  for (const auto& entry : fs::directory_iterator(golden_folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    ++files;
    const glstm::GoldenCase golden = glstm::read_golden_case(entry.path());
    CHECK(golden.unknown.empty());
    for (const ConformancePath path : conformance_paths) {
      const Conformance result = check_conformance(golden, path);
      INFO(golden.source << ", " << name_of(path) << ": " << result.values.tensor << " and "
                         << result.gradients.tensor);
      CHECK(result.limit == (path == ConformancePath::scheduled_float ? 1e-3 : 1e-9));
      CHECK(result.values.error <= result.limit);
      CHECK(result.gradients.error <= result.limit);
      CHECK(result.passes());
      CHECK(!result.values.tensor.empty());
      CHECK(result.gradients.tensor.empty() == (path == ConformancePath::steps_double));
    }
  }
  CHECK(files == 14);
}

TEST_CASE("a wrong expected tensor is found, whichever it is") {
  for (const char* name : {"gaussian_stack", "phased_leak", "lstm"}) {
    const Safetensors original = golden_file(name);
    const glstm::GoldenCase golden = parse_golden_case(original, name);
    for (const bool gradients : {false, true}) {
      for (const std::string& tensor : gradients ? golden.gradients : golden.values) {
        if (tensor == "budget" && golden.budget_weight == 0) continue;
        CAPTURE(name, tensor);
        Safetensors file = original;
        disturb(file, tensor, 1e-6);
        for (const ConformancePath path : conformance_paths) {
          const bool blind = path == ConformancePath::scheduled_float ||
                             (gradients && path == ConformancePath::steps_double);
          const Conformance result = check(file, path);
          CHECK(result.passes() == blind);
          if (!blind) CHECK((gradients ? result.gradients : result.values).tensor == tensor);
        }
        disturb(file, tensor, 0.01);
        CHECK(!check(file, ConformancePath::scheduled_float).passes());
      }
    }
  }
}

TEST_CASE("a changed input or option is found") {
  for (const char* tensor : {"x", "w_ih", "w_hh", "b", "mu", "sigma", "h0.l1", "c0.l2", "dcT"}) {
    CAPTURE(tensor);
    Safetensors file = golden_file("gaussian_stack");
    disturb(file, tensor, 1e-5);
    CHECK(!check(file, ConformancePath::reference_double).passes());
    CHECK(!check(file, ConformancePath::scheduled_double).passes());
  }
  Safetensors file = golden_file("gaussian_budget");
  file.metadata["budget_weight"] = "2.4";
  CHECK(!check(file, ConformancePath::scheduled_double).passes());
  file = golden_file("gaussian_threshold");
  file.metadata["threshold"] = "0.5";
  for (const ConformancePath path : conformance_paths) CHECK(!check(file, path).passes());
  file = golden_file("phased_leak");
  file.metadata["leak"] = "0.1";
  for (const ConformancePath path : conformance_paths) CHECK(!check(file, path).passes());
  file = golden_file("gaussian_ragged");
  auto& lengths = std::get<std::vector<std::int64_t>>(file.tensors.at("lengths").values);
  lengths[0] -= 1;
  for (const ConformancePath path : conformance_paths) CHECK(!check(file, path).passes());
}

TEST_CASE("an expected tensor of zeros is compared absolutely") {
  Safetensors file = golden_file("lstm");
  numbers(file, "x").assign(numbers(file, "x").size(), 0);
  std::vector<double>& expected = numbers(file, "grad.w_ih");  // is zero, then
  expected.assign(expected.size(), 0);
  Safetensors only = file;
  for (const auto& [name, tensor] : file.tensors) {
    if (name.starts_with("grad.") && name != "grad.w_ih") only.tensors.erase(name);
  }
  CHECK(check(only, ConformancePath::reference_double).gradients.error == 0);
  numbers(only, "grad.w_ih")[3] = 1e-20;
  CHECK(check(only, ConformancePath::reference_double).gradients.error == 1);
}

TEST_CASE("only what the file provides is compared") {
  Safetensors file = golden_file("gaussian_dense");
  for (const char* name : {"k", "hT", "cT", "loss", "budget", "grad.x", "grad.w_hh", "grad.b",
                           "grad.sigma", "grad.h0", "grad.c0", "grad.w_ih"}) {
    file.tensors.erase(name);
  }
  file.tensors["note"] = {{1}, std::vector<double>{1}};
  const glstm::GoldenCase golden = parse_golden_case(file, "some/file");
  CHECK(golden.values == std::vector<std::string>{"h"});
  CHECK(golden.gradients == std::vector<std::string>{"grad.mu"});
  CHECK(golden.unknown == std::vector<std::string>{"note"});
  const Conformance result = check_conformance(golden, ConformancePath::scheduled_double);
  CHECK(result.passes());
  CHECK(result.values.tensor == "h");
  CHECK(result.gradients.tensor == "grad.mu");
}

TEST_CASE("a golden file that cannot be used is an error that names what is wrong") {
  const auto erased = [](const char* name) {
    return [=](Safetensors& file) { file.tensors.erase(name); };
  };
  const auto metadata = [](const char* key, const std::string& value) {
    return [=](Safetensors& file) { file.metadata[key] = value; };
  };

  SECTION("missing tensors") {
    for (const char* name : {"x", "t", "lengths", "dy", "dcT", "h", "w_ih", "w_hh.l1", "b.l2", "mu",
                             "sigma.l1", "h0", "c0.l2"}) {
      check_mentions(error_after("gaussian_stack", erased(name)),
                     {"some/file", "\"" + std::string(name) + "\""});
    }
    check_mentions(error_after("gaussian_stack",
                               [](Safetensors& file) {
                                 std::erase_if(file.tensors, [](const auto& entry) {
                                   return entry.first.starts_with("grad.");
                                 });
                               }),
                   {"some/file", "at least one gradient"});
  }
  SECTION("wrong shapes") {
    const Safetensors original = golden_file("gaussian_stack");
    for (const auto& [name, unused] : original.tensors) {
      CAPTURE(name);
      const auto flat = [key = name](Safetensors& file) {
        file.tensors.at(key).shape.insert(file.tensors.at(key).shape.begin(), 1);
      };
      check_mentions(error_after("gaussian_stack", flat),
                     {"some/file", "\"" + name + "\"", "shape"});
    }
    const auto turned = [](Safetensors& file) {
      std::swap(file.tensors.at("w_ih").shape[0], file.tensors.at("w_ih").shape[1]);
    };
    check_mentions(error_after("gaussian_stack", turned), {"\"w_ih\"", "[28,2]", "[2,28]"});
    check_mentions(error_after("gaussian_stack", metadata("H", "8")), {"\"dy\"", "[25,3,8]"});
    check_mentions(error_after("gaussian_stack", metadata("layers", "4")), {"\"b.l3\""});
  }
  SECTION("metadata") {
    check_mentions(error_after("gaussian_stack", metadata("gate", "sigmoid")),
                   {"some/file", "gate", "sigmoid"});
    check_mentions(error_after("gaussian_stack", metadata("gate", "phased")), {"\"period\""});
    for (const char* key : {"T", "B", "I", "H", "layers"}) {
      for (const char* value : {"0", "-1", "", "many", "2.5", "99999999999999999999"}) {
        check_mentions(error_after("gaussian_stack", metadata(key, value)),
                       {"some/file", "\"" + std::string(key) + "\"", "positive integer", value});
      }
    }
    check_mentions(error_after("gaussian_stack",
                               metadata("H", std::to_string(std::numeric_limits<Index>::max()))),
                   {"shape"});
    for (const char* key : {"threshold", "leak", "budget_weight"}) {
      for (const char* value : {"", "low", "nan", "1e999", "0.1x"}) {
        check_mentions(error_after("gaussian_stack", metadata(key, value)),
                       {"some/file", "\"" + std::string(key) + "\"", "finite number", value});
      }
    }
    for (const char* key : {"gate", "T", "layers", "threshold", "budget_weight"}) {
      check_mentions(
          error_after("gaussian_stack", [&](Safetensors& file) { file.metadata.erase(key); }),
          {"some/file", "\"" + std::string(key) + "\"", "got none"});
    }
    check_mentions(error_after("gaussian_stack", metadata("threshold", "1.5")),
                   {"some/file", "threshold", "1.5"});
    check_mentions(error_after("phased_leak", metadata("leak", "-1")), {"some/file", "leak", "-1"});
  }
  SECTION("numbers") {
    for (const char* name : {"x", "h", "grad.mu.l2"}) {
      const auto spoiled = [&](Safetensors& file) {
        numbers(file, name)[1] = std::numeric_limits<double>::quiet_NaN();
      };
      check_mentions(error_after("gaussian_stack", spoiled),
                     {"some/file", "\"" + std::string(name) + "\"", "finite"});
    }
    check_mentions(
        error_after("gaussian_stack", [](Safetensors& file) { numbers(file, "sigma")[2] = 0; }),
        {"some/file", "sigma", "2", "zero"});
    check_mentions(
        error_after("gaussian_stack", [](Safetensors& file) { numbers(file, "t")[6] = -1; }),
        {"some/file", "timestamps decrease"});
    const auto too_long = [](Safetensors& file) {
      std::get<std::vector<std::int64_t>>(file.tensors.at("lengths").values)[1] = 26;
    };
    check_mentions(error_after("gaussian_stack", too_long), {"some/file", "lengths", "26"});
    const auto fractions = [](Safetensors& file) {
      file.tensors.at("lengths").values = std::vector<double>{1, 2, 3};
    };
    check_mentions(error_after("gaussian_stack", fractions), {"some/file", "lengths", "integers"});
  }
  SECTION("a gradient of something that is not there") {
    const auto surplus = [](Safetensors& file) {
      file.tensors["grad.w_xh"] = file.tensors.at("grad.w_ih");
    };
    check_mentions(error_after("gaussian_stack", surplus), {"some/file", "\"grad.w_xh\""});
  }
}

}  // namespace golden_test
