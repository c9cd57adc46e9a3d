// Losses by the names that network files have.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "glstm/core/error.hpp"
#include "glstm/core/parse_number.hpp"
#include "glstm/core/split.hpp"
#include "glstm/nn/losses.hpp"

GLSTM_BEGIN_NAMESPACE
namespace detail {

/// A loss that a file names and glstm does not have: the network predicts, but does not learn.
class UnknownLoss final : public LossFunction {
 public:
  explicit UnknownLoss(std::string name) : name_(std::move(name)) {}
  std::string name() const override { return name_; }
  void check_target(double) const override { fail_unknown(); }
  double evaluate(const SamplePredictions&, Matrix<double>&) const override { fail_unknown(); }

 private:
  [[noreturn]] void fail_unknown() const {
    fail("the loss \"" + name_ +
         "\" of this network is not one of glstm: give the network yours, with "
         "Network::set_loss");
  }
  std::string name_;
};

}  // namespace detail

/// The loss of that LossFunction::name. One that glstm does not have throws Error when it is
/// evaluated. Throws Error if a number in the name is out of range.
inline Loss loss_of_name(std::string_view name) {
  const std::size_t open = name.find('(');
  const std::string_view kind = name.substr(0, open);
  std::vector<double> numbers;
  if (open != name.npos && name.ends_with(')')) {
    for (const std::string_view text :
         detail::split(name.substr(open + 1, name.size() - open - 2), ',')) {
      const std::optional<double> number = detail::parse_number<double>(text);
      if (!number) return detail::UnknownLoss(std::string(name));
      numbers.push_back(*number);
    }
  }
  const std::size_t count = numbers.size();
  if (kind == "softmax_cross_entropy" && count == 0) return cross_entropy;
  if (kind == "softmax_cross_entropy") {
    return cross_entropy({numbers[0], {numbers.begin() + 1, numbers.end()}});
  }
  if (kind == "huber" && count == 1) return huber({numbers[0]});
  for (Loss (*make)() :
       {mean_squared_error, mean_absolute_error, binary_cross_entropy, error_to_signal_ratio}) {
    if (count == 0 && make()->name() == name) return make;
  }
  return detail::UnknownLoss(std::string(name));
}

GLSTM_END_NAMESPACE
