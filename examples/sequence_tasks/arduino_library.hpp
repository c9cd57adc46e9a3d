// A network as a library for the Arduino IDE.
#pragma once

#include <filesystem>
#include <string>

#include "glstm/core/data_description.hpp"
#include "settings.hpp"

namespace sequence_tasks {

/// What a sketch must know of the network that its library holds.
struct Sketch {
  std::string name;    ///< with which the names in the header begin
  std::string header;  ///< in C
  std::string origin;  ///< one line about the network and its training, for people
  Index inputs = 1, outputs = 1, steps = 1;
  bool classifies = false, every_step = false;
  bool in_integers = false;
  bool gated = false;                    ///< a step has a time
  bool has_events = false;               ///< the header has next_event
  double first_time = 0, time_step = 1;  ///< as the header takes them
  glstm::DataDescription data = {};
};

/// Throws glstm::Error if there is a file or a folder at `folder` already.
void expect_no_library(const std::filesystem::path& folder);

/// Writes the library to `folder`, all or nothing: library.properties, src/NAME.h, and a sketch
/// that reads analogue inputs and prints answers, examples/NAME/NAME.ino. Throws glstm::Error if
/// there is a file or a folder already, or it cannot be written.
void write_arduino_library(const Sketch& sketch, const std::filesystem::path& folder);

}  // namespace sequence_tasks
