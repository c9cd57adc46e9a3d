#include "arduino_library.hpp"

#include <cmath>
#include <exception>
#include <random>
#include <string_view>
#include <system_error>

#include "glstm/core/error.hpp"
#include "glstm/core/text.hpp"
#include "glstm/exchange/text_template.hpp"
#include "glstm/io/atomic_file.hpp"

namespace sequence_tasks {
namespace {

namespace fs = std::filesystem;
using glstm::detail::fill_template;
using glstm::detail::text_of;

constexpr std::string_view properties_template = R"(name=@name@
version=1.0.0
author=glstm
maintainer=glstm
sentence=A recurrent network that was trained with glstm.
paragraph=@origin@
category=Data Processing
url=https://arxiv.org/abs/1901.07334
architectures=*
includes=@name@.h
)";

constexpr std::string_view sketch_template =
    R"(// Reads analogue inputs at equal intervals and prints what the network answers.
//
// @origin@
//
// Change read_input and `interval` to suit your sensor. The network expects the numbers that it was
// trained with, at the same rate.
#include <@name@.h>

const unsigned long interval = 10;  // ms between steps
const long steps = @steps@;  // of a sequence, after which the next one begins
@class_names@
@name@_state network;
long step = 0;
unsigned long next_step = 0;  // ms

// Returns input i of the network@input_name@, in the unit of the training data.
float read_input(int i) { return analogRead(A0 + i); }

@time_function@void print_answer() {
@read_out@@print@}

void setup() {
  Serial.begin(115200);
  @name@_reset(&network);
  next_step = millis();
}

void loop() {
  if ((long)(millis() - next_step) < 0) return;  // a place to sleep
  next_step += interval;
@skip@@take@  @name@_advance(&network, x@time@);
@after_step@}
)";

/// Returns text for one line: without control characters, as file names may have them.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text;
}

std::string c_string(const std::string& text) {
  std::string result = "\"";
  for (const char c : one_line(text)) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

/// Returns the function of the sketch that tells the time of a step.
std::string time_function(const Sketch& sketch) {
  const auto whole = [](double number) { return number == std::round(number); };
  const bool exact = !sketch.in_integers || (whole(sketch.first_time) && whole(sketch.time_step));
  std::string time = glstm::detail::number_text(sketch.time_step) + " * n";
  if (sketch.first_time != 0) {
    time = glstm::detail::number_text(sketch.first_time) + " + " + time;
  }
  if (sketch.first_time == 0 && sketch.time_step == 1) time = "n";
  if (!exact) time = "lround(" + time + ")";
  return "// The time of step n, as the header counts it.\n" +
         std::string(sketch.in_integers ? "int32_t" : "double") + " time_of(long n) { return " +
         time + "; }\n\n";
}

/// Returns the sketch as a program.
std::string text_of_sketch(const Sketch& sketch) {
  const std::string& name = sketch.name;
  const auto& classes = sketch.data.class_names;
  const auto& features = sketch.data.feature_names;
  std::string class_names, inputs, time, skip;
  if (sketch.classifies && !classes.empty()) {
    class_names = "const char* const class_names[] = {";
    for (const std::string& one : classes) {
      class_names += (class_names.ends_with('{') ? "" : ", ") + c_string(one);
    }
    class_names += "};\n";
  }
  for (const std::string& feature : features) {
    inputs += (inputs.empty() ? " (" : ", ") + c_string(feature);
  }
  if (!inputs.empty()) inputs += ")";
  if (sketch.gated) time = time_function(sketch);

  // After the last step, or after each, the answer; then a new sequence.
  const std::string restart = "    " + name + "_reset(&network);\n    step = 0;\n";
  const std::string after =
      (sketch.every_step ? "  print_answer();\n  if (++step >= steps) {\n"
                         : "  if (++step >= steps) {\n    print_answer();\n") +
      restart + "  }\n";
  if (sketch.has_events && !sketch.every_step) {
    skip =
        "  // While no neuron is open, a step computes nothing and needs no input.\n  if (" + name +
        "_next_event(&network) > time_of(step) && step + 1 < steps) {\n    ++step;\n    return;\n"
        "  }\n";
  }
  std::string take = text_of("  float values[", sketch.inputs, "];\n  for (int i = 0; i < ",
                             sketch.inputs, "; ++i) values[i] = read_input(i);\n");
  if (sketch.in_integers) {
    take += text_of("  int16_t x[", sketch.inputs, "];\n  ", name, "_quantize(values, x);\n");
  } else {
    take += text_of("  const float* x = values;\n");
  }

  std::string read_out = text_of("  ", sketch.in_integers ? "int32_t" : "float", " y[",
                                 sketch.outputs, "];\n  ", name, "_output(&network, y);\n");
  std::string print;
  if (sketch.classifies) {
    print = text_of("  int best = 0;\n  for (int o = 1; o < ", sketch.outputs,
                    "; ++o) {\n    if (y[o] > y[best]) best = o;\n  }\n  Serial.println(",
                    class_names.empty() ? "best" : "class_names[best]", ");\n");
  } else {
    const char* values = sketch.in_integers ? "real" : "y";
    if (sketch.in_integers) {
      print = text_of("  float real[", sketch.outputs, "];\n  ", name, "_real_output(y, real);\n");
    }
    print += text_of("  for (int o = 0; o < ", sketch.outputs, "; ++o) {\n    Serial.print(",
                     values, "[o], 4);\n    Serial.print(o + 1 < ", sketch.outputs,
                     " ? \" \" : \"\\n\");\n  }\n");
  }
  return fill_template(sketch_template, {{"origin", one_line(sketch.origin)},
                                         {"name", name},
                                         {"steps", std::to_string(sketch.steps)},
                                         {"class_names", class_names},
                                         {"input_name", inputs},
                                         {"time_function", time},
                                         {"read_out", read_out},
                                         {"print", print},
                                         {"skip", skip},
                                         {"take", take},
                                         {"time", sketch.gated ? ", time_of(step)" : ""},
                                         {"after_step", after}});
}

}  // namespace

void expect_no_library(const fs::path& folder) {
  glstm::detail::require(!fs::exists(fs::symlink_status(folder)), "--out ", folder.string(),
                         ": expected no file or folder of that name, found one");
}

void write_arduino_library(const Sketch& sketch, const fs::path& folder) {
  expect_no_library(folder);
  const fs::path whole = folder.has_filename() ? folder : folder.parent_path();
  std::random_device random;
  fs::path temporary = whole;
  temporary += "." + std::to_string(random()) + std::to_string(random()) + ".tmp";
  try {
    const fs::path example = temporary / "examples" / sketch.name;
    fs::create_directory(temporary);
    fs::create_directories(example);
    fs::create_directory(temporary / "src");
    glstm::write_file_atomically(
        temporary / "library.properties",
        fill_template(properties_template,
                      {{"name", sketch.name}, {"origin", one_line(sketch.origin)}}));
    glstm::write_file_atomically(temporary / "src" / (sketch.name + ".h"), sketch.header);
    glstm::write_file_atomically(example / (sketch.name + ".ino"), text_of_sketch(sketch));
    fs::rename(temporary, whole);
  } catch (const std::exception& error) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    const auto* system = dynamic_cast<const fs::filesystem_error*>(&error);
    throw glstm::Error("--out " + folder.string() + ": cannot be written: " +
                       (system != nullptr ? system->code().message() : error.what()));
  }
  glstm::detail::flush_folder(whole.parent_path());
}

}  // namespace sequence_tasks
