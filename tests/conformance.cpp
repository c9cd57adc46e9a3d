// Runs golden cases through every path of the library and says how far each is from them.
//
//     conformance tests/golden/*.safetensors
//
// Prints a line per file and path. The exit status is 0 when all are within their limits, 1 when
// one is not, and 2 when a file cannot be used, whatever the others say.
#include "conformance.hpp"

#include <algorithm>
#include <exception>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "glstm/compiled.hpp"

namespace {

std::string scientific(double value, int digits) {
  std::ostringstream text;
  text << std::scientific << std::setprecision(digits) << value;
  return text.str();
}

/// Prints an error as one line, whatever a file has put into it.
void print_error(std::string message) {
  std::replace_if(
      message.begin(), message.end(), [](unsigned char byte) { return byte < ' '; }, ' ');
  std::cerr << "conformance: " << message << std::endl;
}

/// Prints the table, in columns that fit.
class Table {
 public:
  explicit Table(std::size_t file_width) : file_width_(static_cast<int>(file_width)) {}

  void print_head() const {
    print("file", "path", "values", "worst", "gradients", "worst", "limit", "");
  }
  void print(const std::string& file, glstm::ConformancePath path,
             const glstm::Conformance& result) const {
    const auto error = [](const glstm::Deviation& deviation) {
      return deviation.tensor.empty() ? "-" : scientific(deviation.error, 2);
    };
    const auto tensor = [](const glstm::Deviation& deviation) {
      return deviation.tensor.empty() ? "-" : deviation.tensor;
    };
    print(file, std::string(name_of(path)), error(result.values), tensor(result.values),
          error(result.gradients), tensor(result.gradients), scientific(result.limit, 0),
          result.passes() ? "ok" : "FAILED");
  }

 private:
  void print(const std::string& file, const std::string& path, const std::string& values,
             const std::string& worst_value, const std::string& gradients,
             const std::string& worst_gradient, const std::string& limit,
             const std::string& verdict) const {
    std::ostringstream line;
    line << std::left << std::setw(file_width_) << file << "  " << std::setw(16) << path << "  "
         << std::right << std::setw(9) << values << "  " << std::left << std::setw(6) << worst_value
         << "  " << std::right << std::setw(9) << gradients << "  " << std::left << std::setw(14)
         << worst_gradient << "  " << std::setw(5) << limit << "  " << verdict;
    std::string text = line.str();
    text.erase(text.find_last_not_of(' ') + 1);
    std::cout << text << '\n';
  }

  int file_width_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> files(argv + std::min(argc, 1), argv + argc);
  if (files.empty()) {
    std::cerr << "usage: conformance FILE...\n";
    return 2;
  }
  std::size_t width = 4;
  for (const std::string& file : files) width = std::max(width, file.size());
  const Table table(width);
  table.print_head();

  std::size_t runs = 0, failed = 0, unusable = 0;
  glstm::Deviation worst_double, worst_float;  // of all files
  for (const std::string& file : files) {
    try {
      const glstm::GoldenCase golden = glstm::read_golden_case(file);
      for (const glstm::ConformancePath path : glstm::conformance_paths) {
        const glstm::Conformance result = check_conformance(golden, path);
        table.print(file, path, result);
        ++runs;
        failed += result.passes() ? 0 : 1;
        const bool single = path == glstm::ConformancePath::scheduled_float;
        for (const glstm::Deviation& deviation : {result.values, result.gradients}) {
          if (deviation.tensor.empty()) continue;
          (single ? worst_float : worst_double)
              .include(deviation.error, deviation.tensor + " of " + file);
        }
      }
      for (const std::string& name : golden.unknown) {
        std::cout << file << ": tensor \"" << name << "\" is not known and was not compared\n";
      }
    } catch (const glstm::Error& error) {  // names the file itself
      ++unusable;
      print_error(error.what());
    } catch (const std::exception& error) {
      ++unusable;
      print_error(file + ": " + error.what());
    }
    std::cout << std::flush;
  }

  std::cout << '\n'
            << files.size() << " files, " << runs << " runs: " << runs - failed
            << " within their limit, " << failed << " not; " << unusable
            << " files could not be used\n";
  for (const auto& [type, worst] : {std::pair("double", worst_double), {"float", worst_float}}) {
    if (worst.tensor.empty()) continue;
    std::cout << "largest error in " << type << ": " << scientific(worst.error, 2) << ", "
              << worst.tensor << '\n';
  }
  if (unusable > 0) return 2;
  return failed > 0 ? 1 : 0;
}
