// What a library has to offer to be compared, and the list of libraries that are.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "workload.hpp"

namespace glstm::bench {

/// A layer of some library that runs over whole sequences from a zero state.
class SequencePeer {
 public:
  virtual ~SequencePeer() = default;

  virtual void infer() = 0;

  /// Forward, the loss |h_T|^2 / 2, and backward to all parameters, starting from weights as an
  /// optimiser left them and from a zero gradient.
  virtual void train() = 0;

  /// After infer or train, h_T [B,H].
  virtual Matrix<float> hidden() = 0;

  /// After train, the gradient of the recurrent weights [4H,H], gate order i, f, g, o.
  virtual Matrix<float> recurrent_gradient() = 0;
};

/// A layer of some library that takes one step of one sequence at a time.
class StreamingPeer {
 public:
  virtual ~StreamingPeer() = default;

  /// Takes `steps` steps, one after the other; x is [steps][I]. A loop of the peer's own, so that
  /// the virtual call does not count.
  virtual void run(const float* x, Index steps) = 0;

  virtual Vector<float> hidden() = 0;
};

using MakeSequence = std::function<std::unique_ptr<SequencePeer>(const Workload&)>;
using MakeStreaming = std::function<std::unique_ptr<StreamingPeer>(const Workload&)>;

/// A library. The functions make a layer, or give null for a shape they are not for; they may be
/// empty. Nothing of a library is to be initialised before they are called: memory is measured in
/// forked processes.
struct Peer {
  std::string name;
  MakeSequence sequence;
  MakeStreaming streaming;
  std::function<std::string()> describe;  ///< name and version
  bool trains = true;                     ///< whether its sequences can train
  bool pads = false;                      ///< a variant of another peer, not for every table
};

inline std::vector<Peer>& peers() {
  static std::vector<Peer> list;
  return list;
}

/// A namespace-scope variable of this type puts a peer on the list.
struct RegisterPeer {
  explicit RegisterPeer(Peer peer) { peers().push_back(std::move(peer)); }
};

/// Calls make.operator()<I, H>(workload) for the streaming size that fits, else gives null.
template <class Make, std::size_t N = 0>
std::unique_ptr<StreamingPeer> make_for_size(const Make& make, const Workload& workload) {
  if constexpr (N == streaming_sizes.size()) {
    return nullptr;
  } else {
    constexpr LayerSize size = streaming_sizes[N];
    if (workload.shape.inputs != size.inputs || workload.shape.hidden != size.hidden) {
      return make_for_size<Make, N + 1>(make, workload);
    }
    return make.template operator()<static_cast<int>(size.inputs), static_cast<int>(size.hidden)>(
        workload);
  }
}

}  // namespace glstm::bench
