// The library's exception, and the checks that throw it.
#pragma once

#include <cassert>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>

#include "glstm/core/abi.hpp"

GLSTM_BEGIN_NAMESPACE

/// Everything the library throws. The message names what was expected and what came. Where code is
/// compiled without exceptions, std::terminate is called instead.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// The parts one after the other, as a stream writes them.
template <class... Parts>
std::string text_of(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

/// Throws Error, or ends the program where a translation unit is compiled without exceptions, as
/// with -fno-exceptions (__cpp_exceptions is not defined then). In a program that has units of both
/// kinds either may happen.
[[noreturn]] inline void fail(const std::string& message) {
#if defined(__cpp_exceptions)
  throw Error(message);
#else
  static_cast<void>(message);
  std::terminate();
#endif
}

/// Fails with the text of `parts` unless `condition` holds. The message is put together only when
/// it is needed.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) fail(text_of(parts...));
}

}  // namespace detail
GLSTM_END_NAMESPACE

/// A check inside a hot path: compiled out in release builds (NDEBUG), like assert.
#define GLSTM_ASSERT(condition) assert(condition)
