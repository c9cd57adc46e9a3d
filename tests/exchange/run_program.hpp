// The main function of the programs that exchange networks with other programs.
#pragma once

#include <exception>
#include <iostream>
#include <sstream>
#include <string>

/// Returns the exit status of a program that is called with the arguments that `usage` names after
/// the program, such as "onnx_cases FOLDER": run(arguments), or 2 after an error.
template <class Run>
int run_program(int count, char** arguments, const std::string& usage, Run&& run) {
  std::istringstream words(usage);
  int expected = 0;
  for (std::string word; words >> word;) ++expected;
  if (count != expected) {
    std::cerr << "usage: " << usage << '\n';
    return 2;
  }
  try {
    return run(arguments + 1);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}
