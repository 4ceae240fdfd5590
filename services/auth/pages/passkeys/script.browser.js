/**
 * Asks the browser for a passkey, and sends the form around its button with what it answers. The button is hidden without this
 * script. Its `data-options` are those of WebAuthn in JSON; without them they are fetched from `data-options-from`.
 */
const button = document.querySelector('button[data-passkey]');
const form = button?.closest('form');
const answer = form?.querySelector('input[name=passkey]');
const failed = form?.querySelector('[data-passkey-failed]');

const bytesOf = (base64url) =>
  Uint8Array.from(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')), (letter) =>
    letter.charCodeAt(0),
  );

const base64urlOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

const withBytes = (descriptors = []) => descriptors.map((one) => ({ ...one, id: bytesOf(one.id) }));

/** For browsers without `PublicKeyCredential.parseCreationOptionsFromJSON`. */
function creationOptions(options) {
  if (PublicKeyCredential.parseCreationOptionsFromJSON)
    return PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return {
    ...options,
    challenge: bytesOf(options.challenge),
    user: { ...options.user, id: bytesOf(options.user.id) },
    excludeCredentials: withBytes(options.excludeCredentials),
  };
}

/** For browsers without `PublicKeyCredential.parseRequestOptionsFromJSON`. */
function requestOptions(options) {
  if (PublicKeyCredential.parseRequestOptionsFromJSON)
    return PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return {
    ...options,
    challenge: bytesOf(options.challenge),
    allowCredentials: withBytes(options.allowCredentials),
  };
}

/** For browsers without `PublicKeyCredential.prototype.toJSON`, and for password managers that break it. */
function jsonOf({ id, rawId, type, response }) {
  const parts = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle'];
  const encoded = Object.fromEntries(
    parts.filter((part) => response[part]).map((part) => [part, base64urlOf(response[part])]),
  );
  const transports = response.getTransports?.();
  return { id, rawId: base64urlOf(rawId), type, response: { ...encoded, ...(transports && { transports }) } };
}

async function optionsOf({ options, optionsFrom }) {
  if (options !== undefined) return JSON.parse(options);
  const response = await fetch(optionsFrom, { method: 'POST' });
  if (!response.ok) throw new Error(`The options could not be fetched: ${response.status}`);
  return response.json();
}

const WORDS = {
  NotAllowedError: 'No passkey was used. Try again, or go on in another way.',
  InvalidStateError: 'This device has a passkey of your account already.',
  SecurityError: 'Passkeys do not work at this address.',
};

async function usePasskey() {
  failed.hidden = true;
  button.disabled = true;
  try {
    const options = await optionsOf(button.dataset);
    const credential =
      button.dataset.passkey === 'create'
        ? await navigator.credentials.create({ publicKey: creationOptions(options) })
        : await navigator.credentials.get({ publicKey: requestOptions(options) });
    answer.value = JSON.stringify(jsonOf(credential));
    form.submit();
  } catch (failure) {
    failed.textContent = WORDS[failure.name] ?? 'The passkey could not be used. Try again later.';
    failed.hidden = false;
    button.disabled = false;
  }
}

if (button && window.PublicKeyCredential) {
  for (const part of document.querySelectorAll('[data-with-passkeys]')) part.hidden = false;
  button.addEventListener('click', () => {
    if (form.reportValidity()) usePasskey();
  });
}
