// A post as Lambda's function URL hands it over, payload 2.0, with the fields that AWS documents.
import type { LambdaFunctionURLEvent } from "aws-lambda";

export function functionUrlEvent(body: string, path: string): LambdaFunctionURLEvent {
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: "",
    headers: { "content-type": "application/json; charset=utf-8" },
    requestContext: {
      accountId: "anonymous",
      apiId: "id",
      domainName: "id.lambda-url.eu-central-1.on.aws",
      domainPrefix: "id",
      http: {
        method: "POST",
        path,
        protocol: "HTTP/1.1",
        sourceIp: "192.0.2.7",
        userAgent: "Apache-HttpClient/4.5.14",
      },
      requestId: "request",
      routeKey: "$default",
      stage: "$default",
      time: "24/Nov/2026:20:30:00 +0000",
      timeEpoch: 1_795_500_000_000,
    },
    body: Buffer.from(body).toString("base64"),
    isBase64Encoded: true,
  };
}
