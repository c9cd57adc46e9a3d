// How readers of weights refuse files that are not right.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "glstm/io/safetensors.hpp"
#include "temporary_folder.hpp"

/// A tensor of zeros.
inline glstm::Tensor zeros(const std::vector<glstm::Index>& shape) {
  std::size_t size = 1;
  for (const glstm::Index extent : shape) size *= static_cast<std::size_t>(extent);
  return {shape, std::vector<float>(size)};
}

/// A right file of float tensors, and the messages with which a reader refuses it once it has been
/// changed. Read is called with its path. Every message names the file once.
class ChangedTensors {
 public:
  using Read = std::function<void(const std::filesystem::path&)>;

  ChangedTensors(glstm::Safetensors right, Read read)
      : right_(std::move(right)), read_(std::move(read)) {}

  std::string after(const std::function<void(glstm::Safetensors&)>& change) const {
    glstm::Safetensors file = right_;
    change(file);
    const std::filesystem::path path = folder_ / "some.safetensors";
    glstm::save_safetensors(path, file);
    const std::string message = error_of([&] { read_(path); });
    check_names_once(message, path.string());
    return message;
  }
  std::string with(const char* name, const glstm::Tensor& tensor) const {
    return after([&](glstm::Safetensors& file) { file.tensors[name] = tensor; });
  }
  std::string without(const char* name) const {
    return after([&](glstm::Safetensors& file) { REQUIRE(file.tensors.erase(name) == 1); });
  }
  /// The first number of a tensor is another one.
  std::string with_number(const char* name, float value) const {
    return after([&](glstm::Safetensors& file) {
      std::get<std::vector<float>>(file.tensors.at(name).values)[0] = value;
    });
  }

 private:
  TemporaryFolder folder_;
  glstm::Safetensors right_;
  Read read_;
};
