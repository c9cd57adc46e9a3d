// A scoped guard that makes the processor treat denormal numbers as zero.
#pragma once

#include <cstdint>

#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

#include "glstm/core/abi.hpp"

GLSTM_BEGIN_NAMESPACE

/// While it lives, denormal results and operands count as zero on this thread; the previous mode
/// comes back when it goes. Gradients that decay over hundreds of steps become denormal, and
/// arithmetic on denormals is many times slower. Does nothing on processors without such a mode.
class FlushToZero {
#if defined(__SSE2__) || defined(_M_X64)
  using Word = unsigned int;
  static constexpr Word flush_bits = 0x8040;  // MXCSR: flush-to-zero and denormals-are-zero
  static Word read() { return _mm_getcsr(); }
  static void write(Word word) { _mm_setcsr(word); }
#elif defined(__aarch64__) && defined(__GNUC__)
  using Word = std::uint64_t;
  static constexpr Word flush_bits = Word{1} << 24;  // FPCR.FZ
  static Word read() {
    Word word;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(word));
    return word;
  }
  static void write(Word word) { __asm__ __volatile__("msr fpcr, %0" : : "r"(word)); }
#else
  using Word = unsigned int;
  static constexpr Word flush_bits = 0;
  static Word read() { return 0; }
  static void write(Word) {}
#endif

 public:
  /// How a thread treats denormals, for another one to do the same.
  using Mode = Word;
  static Mode mode() { return read() & flush_bits; }

  FlushToZero() : FlushToZero(flush_bits) {}
  explicit FlushToZero(Mode mode) : saved_(read()) { write((saved_ & ~flush_bits) | mode); }
  ~FlushToZero() { write(saved_); }
  FlushToZero(const FlushToZero&) = delete;
  FlushToZero& operator=(const FlushToZero&) = delete;

 private:
  Word saved_;
};

GLSTM_END_NAMESPACE
