// Takes credentials out of text on its way out: the second net behind Secret, for URLs that others put into their messages.

// A password with a bare `/` in it is no legal URL, and just what an error quotes; a port before a path is no password.
const URL_USERINFO = /:\/\/(?:[^\s/:"'<>]*:(?!\d{1,5}\/)[^\s"'<>]*|[^\s/"'<>]*)@/g;
// Bounded on both sides and begun only at a word's start, so that a long line without a match costs no quadratic search.
const BARE_USERINFO = /(?<![\w.~%+-])[\w.~%+-]{1,128}:[^\s/@"'<>]{1,1024}@(?=[\w[])/g;

/** `https://user:pass@host` becomes `https://[secret]@host`, `user:pass@host` becomes `[secret]@host`. */
export function redactUserinfo(text: string): string {
  if (!text.includes("@")) return text;
  return text.replace(URL_USERINFO, "://[secret]@").replace(BARE_USERINFO, "[secret]@");
}
