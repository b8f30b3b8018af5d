// Asks an exported model without Python and without a server: through the C++ loader that
// TensorFlow Serving's default path ends in. Writes the results, and measures how long they take.
//
// Build, against the installed tensorflow package (prints the one line it runs):
//
//   python -m tools.build_client --out=build/saved_model_client
//
// Use:
//
//   build/saved_model_client --model=runs/aw_moe/export/1 --requests=FILE [--requests=FILE ...]
//     --results=FILE   where results go: the requests again, each with its response
//     --threads=N      threads within and between operations; 0, the default, is one per core
//     --passes=N       times to repeat all requests for the latency table; 0, the default, for none
//     --seconds=S      ends the repetition of a file sooner, once it has taken this long
//
// Requests are what TensorFlow Serving logs and warms up with: a TFRecord file of PredictionLog
// messages. The export's own assets.extra/tf_serving_warmup_requests is such a file.
//
// An input that a request does not have is taken from the results of the requests before it, back
// to the last one that has all its inputs. So `gate` followed by `score` requests without a gate
// are one session, whose calls are timed one by one and together.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/lib/io/record_reader.h"
#include "tensorflow/core/lib/io/record_writer.h"
#include "tensorflow/core/platform/env.h"
#include "tensorflow/core/protobuf/meta_graph.pb.h"
#include "tensorflow/core/public/session_options.h"
#include "tools/prediction_log.h"

namespace {

using prediction_log::Fail;
using prediction_log::Named;
using prediction_log::Request;
using tensorflow::SignatureDef;
using tensorflow::Tensor;
using Clock = std::chrono::steady_clock;
using Times = std::map<std::string, std::vector<double>>;  // milliseconds by what was called

struct Flags {
  std::string model, results;
  std::vector<std::string> requests;
  int threads = 0, passes = 0;
  double seconds = 1e9;
};

struct RequestFile {
  std::string name;
  std::vector<Request> requests;
  double seconds_spent = 0;
};

void Check(const absl::Status& status, const std::string& what) {
  if (!status.ok()) Fail(what + ": " + std::string(status.message()));
}

std::string Stem(const std::string& path) {
  const std::string file = path.substr(path.find_last_of('/') + 1);
  return file.substr(0, file.find_last_of('.'));
}

RequestFile ReadRequests(const std::string& path) {
  std::unique_ptr<tensorflow::RandomAccessFile> file;
  Check(tensorflow::Env::Default()->NewRandomAccessFile(path, &file), path);
  tensorflow::io::RecordReader reader(file.get());
  RequestFile result{Stem(path)};
  tensorflow::tstring record;
  for (tensorflow::uint64 offset = 0;;) {
    const absl::Status status = reader.ReadRecord(&offset, &record);
    if (absl::IsOutOfRange(status)) break;
    const std::string which = path + ": record " + std::to_string(result.requests.size());
    Check(status, which);
    try {
      result.requests.push_back(prediction_log::ParseRequest(std::string(record)));
    } catch (const std::runtime_error& error) {
      Fail(which + " " + error.what());
    }
  }
  if (result.requests.empty()) Fail(path + " must hold a request. Received: none");
  return result;
}

// ---- the model

class Model {
 public:
  Model(const std::string& folder, int threads) {
    tensorflow::SessionOptions options;
    options.config.set_intra_op_parallelism_threads(threads);
    options.config.set_inter_op_parallelism_threads(threads);
    Check(tensorflow::LoadSavedModel(options, tensorflow::RunOptions(), folder, {"serve"}, &bundle_),
          folder + " cannot be loaded");
  }

  // Whether inputs of the request have to come from results before it; fails where it has others
  // than its signature.
  bool Continues(const Request& request) const {
    const SignatureDef& signature = Signature(request.signature);
    for (const auto& [key, unused] : request.inputs) {
      if (!signature.inputs().contains(key)) {
        Fail("signature `" + request.signature + "` has no input `" + key + "`");
      }
    }
    return request.inputs.size() < static_cast<size_t>(signature.inputs().size());
  }

  // The results of a request, whose missing inputs are taken from `carried`.
  Named Run(const Request& request, const Named& carried, double* milliseconds) {
    const SignatureDef& signature = Signature(request.signature);
    std::vector<std::pair<std::string, Tensor>> feeds;
    for (const auto& [key, info] : signature.inputs()) {
      feeds.emplace_back(info.name(), Input(request, carried, key));
    }
    std::vector<std::string> keys, fetches;
    for (const auto& [key, info] : signature.outputs()) {
      keys.push_back(key);
      fetches.push_back(info.name());
    }
    std::vector<Tensor> outputs;
    const auto start = Clock::now();
    const absl::Status status = bundle_.GetSession()->Run(feeds, fetches, {}, &outputs);
    *milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    Check(status, "signature `" + request.signature + "`");
    Named results;
    for (size_t i = 0; i < keys.size(); ++i) results[keys[i]] = outputs[i];
    return results;
  }

 private:
  const SignatureDef& Signature(const std::string& name) const {
    const auto found = bundle_.GetSignatures().find(name);
    if (found != bundle_.GetSignatures().end()) return found->second;
    std::set<std::string> known;  // The bundle's own order changes from run to run.
    for (const auto& [other, unused] : bundle_.GetSignatures()) {
      if (other.rfind("__", 0) != 0) known.insert(other);
    }
    std::string names;
    for (const std::string& other : known) names += (names.empty() ? "" : ", ") + other;
    Fail("signature must be one of " + names + ". Received: `" + name + "`");
  }

  static const Tensor& Input(const Request& request, const Named& carried, const std::string& key) {
    const auto own = request.inputs.find(key);
    if (own != request.inputs.end()) return own->second;
    const auto before = carried.find(key);
    if (before != carried.end()) return before->second;
    Fail("signature `" + request.signature + "` needs input `" + key +
         "`, which neither the request has nor the results before it");
  }

  tensorflow::SavedModelBundleLite bundle_;
};

// ---- passes over the requests

// Names the calls of a session, and how long they took together.
class Session {
 public:
  explicit Session(Times* times) : times_(times) {}
  ~Session() { End(); }

  void Add(const Request& request, double milliseconds) {
    if (!request.continues) End();
    if (!calls_.empty() && calls_.back().first == request.signature) {
      ++calls_.back().second;
    } else {
      calls_.emplace_back(request.signature, 1);
    }
    together_ += milliseconds;
    (*times_)[request.signature].push_back(milliseconds);
  }

 private:
  void End() {
    std::string name;
    for (const auto& [signature, count] : calls_) {
      name += (name.empty() ? "" : "+") + signature;
      if (count > 1) name += "*" + std::to_string(count);
    }
    if (calls_.size() > 1) (*times_)[name].push_back(together_);
    calls_.clear();
    together_ = 0;
  }

  Times* times_;
  std::vector<std::pair<std::string, int>> calls_;
  double together_ = 0;
};

// Runs all requests of a file once; gives every result to `use`.
template <typename Use>
void Pass(Model& model, RequestFile& file, Times* times, const Use& use) {
  Session session(times);
  Named carried;
  for (size_t number = 0; number < file.requests.size(); ++number) {
    const Request& request = file.requests[number];
    if (!request.continues) carried.clear();
    double milliseconds = 0;
    Named results;
    try {
      results = model.Run(request, carried, &milliseconds);
    } catch (const std::runtime_error& error) {
      Fail(file.name + ": record " + std::to_string(number) + ": " + error.what());
    }
    file.seconds_spent += milliseconds / 1e3;
    session.Add(request, milliseconds);
    use(request, results);
    for (auto& [key, tensor] : results) carried[key] = tensor;
  }
}

// The first pass, which is not timed: a model's first call of a shape takes longer than the others.
void FirstPass(Model& model, RequestFile& file, const std::string& results_path) {
  std::unique_ptr<tensorflow::WritableFile> out;
  std::unique_ptr<tensorflow::io::RecordWriter> writer;
  if (!results_path.empty()) {
    Check(tensorflow::Env::Default()->NewWritableFile(results_path, &out), results_path);
    writer = std::make_unique<tensorflow::io::RecordWriter>(out.get());
  }
  Times unused;
  Pass(model, file, &unused, [&](const Request& request, const Named& results) {
    if (writer) Check(writer->WriteRecord(prediction_log::WithResponse(request, results)), results_path);
  });
  if (writer) {
    Check(writer->Close(), results_path);
    Check(out->Close(), results_path);
  }
  file.seconds_spent = 0;
}

// The value that a share of the times does not exceed.
double Percentile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<size_t>(std::ceil(share * sorted.size()));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

void PrintTimes(const std::vector<RequestFile>& files, std::vector<Times>& times) {
  std::printf("%-24s %-36s %8s %9s %9s %9s %9s\n", "requests", "calls", "times", "mean_ms", "p50_ms",
              "p95_ms", "p99_ms");
  for (size_t i = 0; i < files.size(); ++i) {
    for (auto& [calls, values] : times[i]) {
      std::sort(values.begin(), values.end());
      double sum = 0;
      for (const double value : values) sum += value;
      std::printf("%-24s %-36s %8zu %9.3f %9.3f %9.3f %9.3f\n", files[i].name.c_str(),
                  calls.c_str(), values.size(), sum / values.size(), Percentile(values, 0.5),
                  Percentile(values, 0.95), Percentile(values, 0.99));
    }
  }
}

// ---- the program

double Number(const std::string& flag, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value >= 0)) {
    Fail("--" + flag + " must be a number from 0. Received: " + text);
  }
  return value;
}

Flags ParseFlags(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (name == "--model") flags.model = value;
    else if (name == "--requests") flags.requests.push_back(value);
    else if (name == "--results") flags.results = value;
    else if (name == "--threads") flags.threads = static_cast<int>(Number("threads", value));
    else if (name == "--passes") flags.passes = static_cast<int>(Number("passes", value));
    else if (name == "--seconds") flags.seconds = Number("seconds", value);
    else Fail("a flag must be one of --model, --requests, --results, --threads, --passes, --seconds, "
              "as --name=value. Received: " + argument);
  }
  if (flags.model.empty() || flags.requests.empty()) Fail("--model and --requests must be given");
  if (!flags.results.empty() && flags.requests.size() > 1) {
    Fail("--results takes one file of requests. Received: " +
         std::to_string(flags.requests.size()));
  }
  return flags;
}

void Run(const Flags& flags) {
  Model model(flags.model, flags.threads);
  std::vector<RequestFile> files;
  for (const std::string& path : flags.requests) {
    files.push_back(ReadRequests(path));
    for (Request& request : files.back().requests) request.continues = model.Continues(request);
    FirstPass(model, files.back(), flags.results);
    if (flags.passes == 0) {
      std::printf("%s: %zu requests answered\n", path.c_str(), files.back().requests.size());
    }
  }
  std::vector<Times> times(files.size());
  // In turn, so that whatever else the machine does meets all files alike.
  for (int pass = 0; pass < flags.passes; ++pass) {
    for (size_t i = 0; i < files.size(); ++i) {
      if (files[i].seconds_spent >= flags.seconds) continue;
      Pass(model, files[i], &times[i], [](const Request&, const Named&) {});
    }
  }
  if (flags.passes > 0) PrintTimes(files, times);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Run(ParseFlags(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
