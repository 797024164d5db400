// Makes a self-signed certificate for loopback with the openssl command.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export type Certificate = { key: string; cert: string };

/** `names` as openssl writes a subjectAltName. */
export async function makeCertificate(names = "IP:127.0.0.1,DNS:localhost"): Promise<Certificate> {
  const { stdout } = await promisify(execFile)("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-keyout", "-", "-out", "-", "-subj", "/CN=localhost", "-addext", `subjectAltName=${names}`],
  ]);
  const certificateAt = stdout.indexOf("-----BEGIN CERTIFICATE-----");
  return { key: stdout.slice(0, certificateAt), cert: stdout.slice(certificateAt) };
}
