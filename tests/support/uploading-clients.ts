/**
 * Commands of clients that upload 6 MB, with a length and in chunks in turn (curl in chunks only), and print the status
 * and the code of each response, one per line.
 */
const CLIENTS: Record<string, (url: string) => string[]> = {
  "Node's fetch": (url) => [
    'node',
    '-e',
    `const body = Buffer.alloc(6e6, 'x');
     process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
     const stream = () => new ReadableStream({ start(c) { for (let at = 0; at < body.length; at += 65536) c.enqueue(body.subarray(at, at + 65536)); c.close(); } });
     (async () => {
       for (let upload = 0; upload < 2; upload++) {
         const response = await fetch('${url}', { method: 'POST', body: upload % 2 ? stream() : body, duplex: 'half' });
         console.log(response.status, (await response.json()).code);
       }
     })();`,
  ],
  "Python's http.client": (url) => [
    'python3',
    '-c',
    `import http.client, json, ssl, urllib.parse
url = urllib.parse.urlsplit('${url}')
for upload in range(2):
    if url.scheme == 'https':
        connection = http.client.HTTPSConnection(url.netloc, timeout=20, context=ssl._create_unverified_context())
    else:
        connection = http.client.HTTPConnection(url.netloc, timeout=20)
    pieces = (b'x' * 65536 for _ in range(92))
    connection.request('POST', url.path or '/', body=pieces if upload % 2 else b'x' * 6000000)
    response = connection.getresponse()
    print(response.status, json.loads(response.read())['code'])`,
  ],
  curl: (url) => [
    'sh',
    '-c',
    `for upload in 1 2; do head -c 6000000 /dev/zero | curl -sSk -X POST -H Expect: -H Content-Type: -T - -w ' ' '${url}' | sed 's/.*"status":\\([0-9]*\\).*"code":"\\([^"]*\\)".*/\\1 \\2/'; echo; done`,
  ],
};

export const UPLOADING_CLIENTS = Object.keys(CLIENTS);

/** Uploads twice with a client, and returns the lines it prints: `413 request.too-large`. */
export async function upload(client: string, url: string): Promise<string[]> {
  const command = CLIENTS[client]?.(url) ?? [];
  const child = Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe' });
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const lines = output.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  return lines.length === 2 ? lines : [...lines, errors];
}
