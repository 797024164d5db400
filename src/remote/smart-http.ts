// Git's smart HTTP (gitprotocol-http): the two requests of a service, with credentials, and what refusals mean.
import { MirrorError, type Side } from "../errors.ts";
import type { Secret } from "../model/secret.ts";
import type { HttpClient, HttpRequest, HttpResponse } from "../ports.ts";
import type { Service } from "../wire/advertisement.ts";
import { hideSecret } from "./hide-secret.ts";
import { refusalOf } from "./refusals.ts";

export type Endpoint = {
  side: Side;
  /** The repository's URL without a final slash and without userinfo. */
  url: string;
  /** The Authorization header's value; `fresh` after a refusal, so that a rotated secret is read at once. */
  authorization?: (options: { fresh: boolean }) => Promise<Secret | undefined>;
};

/** Silence borne before and between an answer's bytes: Gerrit queues a fetch up to 5 minutes (httpd.maxWait) before its first byte. */
export const SERVICE_IDLE_MS = 330_000;

/** `info/refs` is not queued by Gerrit; 20 to 40 s were seen for a v0 list of 500,000 refs (reference/peers.md 4.5). */
export const ADVERTISEMENT_IDLE_MS = 60_000;

const REDIRECTS_MAX = 3;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** One repository on one side. Counts its requests. */
export class SmartHttp {
  requests = 0;
  readonly endpoint: Endpoint;
  readonly #http: HttpClient;
  readonly #signal: AbortSignal | undefined;
  /** Where redirects led, by service: a host may serve reads and writes at different places. */
  readonly #places = new Map<Service, string>();
  /** Of the last request, so that no message shows it. */
  #secret: Secret | undefined;

  constructor(http: HttpClient, endpoint: Endpoint, signal?: AbortSignal) {
    this.#http = http;
    this.endpoint = endpoint;
    this.#signal = signal;
  }

  /** Where a redirect sent the service's requests, to be remembered with its features; else empty. */
  redirection(service: Service): { place?: string } {
    const place = this.#places.get(service);
    return place === undefined ? {} : { place };
  }

  /** Takes up what an earlier run remembered: with its features known, nothing would redirect this one. */
  resume(service: Service, { place }: { place?: string }): void {
    if (place !== undefined) this.#places.set(service, place);
  }

  /** GET info/refs. Follows redirects within the origin, as git does, and keeps the new place for the service's POSTs. */
  async getAdvertisement(service: Service): Promise<HttpResponse> {
    this.#places.delete(service);
    for (let hop = 0; ; hop++) {
      const url = `${this.#placeOf(service)}/info/refs?service=${service}`;
      const headers = { accept: "*/*", "accept-encoding": "gzip", ...protocolHeader(service) };
      const response = await this.#send({ method: "GET", url, headers, idleMs: ADVERTISEMENT_IDLE_MS });
      if (REDIRECTS.has(response.status) && hop < REDIRECTS_MAX) {
        this.#places.set(service, this.#redirectedPlace(response, url, service));
        response.destroy();
        continue;
      }
      return this.#check(response, `application/x-${service}-advertisement`);
    }
  }

  /** POST to a service. A body that is an iterable goes out once: it cannot be repeated after a refusal. */
  async post(
    service: Service,
    body: HttpRequest["body"] & {},
    options: { version: 0 | 2; gzip?: boolean; length?: number },
  ): Promise<HttpResponse> {
    const headers: Record<string, string> = {
      "content-type": `application/x-${service}-request`,
      accept: `application/x-${service}-result`,
      "accept-encoding": options.gzip === true ? "gzip" : "identity",
      ...(options.version === 2 ? protocolHeader(service) : {}),
    };
    const length = body instanceof Uint8Array ? body.length : options.length;
    if (length !== undefined) headers["content-length"] = String(length);
    const response = await this.#send({
      method: "POST",
      url: `${this.#placeOf(service)}/${service}`,
      headers,
      body,
      idleMs: SERVICE_IDLE_MS,
    });
    return this.#check(response, `application/x-${service}-result`);
  }

  async #send(request: HttpRequest): Promise<HttpResponse> {
    const secret = await this.endpoint.authorization?.({ fresh: false });
    const response = await this.#sendWith(request, secret);
    if (response.status !== 401 || secret === undefined) return response;
    if (request.body !== undefined && !(request.body instanceof Uint8Array)) return response;
    const fresh = await this.endpoint.authorization?.({ fresh: true });
    if (fresh === undefined || fresh.expose() === secret.expose()) return response;
    response.destroy();
    return this.#sendWith(request, fresh);
  }

  async #sendWith(request: HttpRequest, secret: Secret | undefined): Promise<HttpResponse> {
    this.#secret = secret;
    const authorization = secret === undefined ? {} : { authorization: secret.expose() };
    const headers = { ...request.headers, "user-agent": AGENT, ...authorization };
    this.requests++;
    const signal = this.#signal === undefined ? {} : { signal: this.#signal };
    try {
      return await this.#http({ ...request, headers, ...signal });
    } catch (error) {
      throw this.blame(error);
    }
  }

  /** The error with this side's name and address on it. */
  blame(error: unknown): MirrorError {
    const known = MirrorError.from(error);
    if (known.side !== undefined) return known;
    const { side, url } = this.endpoint;
    const retry = known.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: known.retryAfterSeconds };
    return new MirrorError(known.code, `${side} ${url}: ${this.hide(known.message)}`, {
      side,
      remedy: known.remedy,
      cause: known,
      ...retry,
    });
  }

  /** What the server said, without the credential that this side last sent. */
  hide(text: string): string {
    return this.#secret === undefined ? text : hideSecret(text, this.#secret);
  }

  async #check(response: HttpResponse, expectedType: string): Promise<HttpResponse> {
    const type = (response.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
    if (response.status === 200 && type === expectedType) return response;
    throw this.blame(await refusalOf(response, expectedType));
  }

  #placeOf(service: Service): string {
    return this.#places.get(service) ?? this.endpoint.url.replace(/\/+$/, "");
  }

  #redirectedPlace(response: HttpResponse, url: string, service: Service): string {
    const location = response.headers.location ?? "";
    const target = URL.canParse(location, url) ? new URL(location, url) : undefined;
    const suffix = `/info/refs?service=${service}`;
    if (target === undefined || target.origin !== new URL(url).origin || !target.href.endsWith(suffix)) {
      response.destroy();
      const shown =
        target === undefined ? JSON.stringify(location.slice(0, 200)) : `${target.origin}${target.pathname}`;
      throw this.blame(new MirrorError("redirected", `HTTP ${response.status} sends the request to ${shown}.`));
    }
    return target.href.slice(0, -suffix.length);
  }
}

/** Sent as User-Agent and, where the server advertises it, as the protocol's `agent`. */
export const AGENT = "gerrit-mirror/0.1";

/** v2 exists for upload-pack only; receive-pack is v0 always. */
function protocolHeader(service: Service): Record<string, string> {
  return service === "git-upload-pack" ? { "git-protocol": "version=2" } : {};
}
