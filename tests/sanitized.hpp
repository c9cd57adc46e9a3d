// GLSTM_TEST_SANITIZED: memory is watched by a sanitizer, which has allocations and limits of its
// own.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)  // of g++
#define GLSTM_TEST_SANITIZED
#elif defined(__has_feature)  // of clang++; some libraries define it for others
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GLSTM_TEST_SANITIZED
#endif
#endif
