// Requests and responses as TensorFlow Serving logs them, PredictionLog messages, of which the
// tensorflow package has no classes. They are read and written field by field.

#ifndef TOOLS_PREDICTION_LOG_H_
#define TOOLS_PREDICTION_LOG_H_

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/framework/tensor.pb.h"

namespace prediction_log {

using Named = std::map<std::string, tensorflow::Tensor>;

// Numbers of fields in tensorflow_serving/apis/{prediction_log,predict,model}.proto.
constexpr int kPredictLog = 6, kRequest = 1, kResponse = 2;
constexpr int kModelSpec = 1, kSignatureName = 3, kInputs = 2, kOutputs = 1, kKey = 1, kValue = 2;

// One predict request.
struct Request {
  std::string predict_log;  // as it was read
  std::string signature;
  Named inputs;
  bool continues = false;  // whether it takes inputs from the results before it
};

[[noreturn]] inline void Fail(const std::string& message) { throw std::runtime_error(message); }

inline uint64_t ReadVarint(std::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  Fail("is no PredictionLog: a number has no end");
}

inline std::string_view Take(std::string_view& bytes, uint64_t size) {
  if (size > bytes.size()) Fail("is no PredictionLog: a field reaches past its end");
  const std::string_view taken = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return taken;
}

// The contents of all fields of this number that are messages or strings.
inline std::vector<std::string_view> Fields(std::string_view message, int number) {
  std::vector<std::string_view> found;
  while (!message.empty()) {
    const uint64_t tag = ReadVarint(message);
    std::string_view content;
    switch (tag & 7) {
      case 0: ReadVarint(message); break;
      case 1: Take(message, 8); break;
      case 2: content = Take(message, ReadVarint(message)); break;
      case 5: Take(message, 4); break;
      default: Fail("is no PredictionLog: it has a field of an unknown kind");
    }
    if (static_cast<int>(tag >> 3) == number && (tag & 7) == 2) found.push_back(content);
  }
  return found;
}

inline std::string_view LastField(std::string_view message, int number) {
  const auto fields = Fields(message, number);
  return fields.empty() ? std::string_view() : fields.back();
}

inline std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes += static_cast<char>(value);
}

inline std::string Field(int number, std::string_view content) {
  return Varint(static_cast<uint64_t>(number) << 3 | 2) + Varint(content.size()) +
         std::string(content);
}

// The request that a log holds.
inline Request ParseRequest(const std::string& record) {
  Request request;
  request.predict_log = std::string(LastField(record, kPredictLog));
  const std::string_view message = LastField(request.predict_log, kRequest);
  if (message.empty()) Fail("is no PredictionLog of a predict request");
  request.signature = std::string(LastField(LastField(message, kModelSpec), kSignatureName));
  if (request.signature.empty()) request.signature = "serving_default";
  for (const std::string_view entry : Fields(message, kInputs)) {
    const std::string key(LastField(entry, kKey));
    tensorflow::TensorProto proto;
    tensorflow::Tensor tensor;
    if (!proto.ParseFromString(std::string(LastField(entry, kValue))) || !tensor.FromProto(proto)) {
      Fail("has no tensor as input `" + key + "`");
    }
    request.inputs[key] = tensor;
  }
  return request;
}

// The log of a request, with its response in it.
inline std::string WithResponse(const Request& request, const Named& results) {
  std::string response;
  for (const auto& [key, tensor] : results) {
    tensorflow::TensorProto proto;
    tensor.AsProtoTensorContent(&proto);
    response += Field(kOutputs, Field(kKey, key) + Field(kValue, proto.SerializeAsString()));
  }
  return Field(kPredictLog, request.predict_log + Field(kResponse, response));
}

}  // namespace prediction_log

#endif  // TOOLS_PREDICTION_LOG_H_
