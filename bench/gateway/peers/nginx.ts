/** One process in the foreground; `-p` and the pid file keep it apart from an nginx of the machine. */
const frame = (folder: string, http: string) => `
worker_processes 1;
master_process off;
daemon off;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 1000000000;
  ${http}
}
`;

/** The trivial upstream of all: a small JSON answer. */
export const upstreamConfiguration = (folder: string, ports: readonly number[]) =>
  frame(
    folder,
    `server {
      ${ports.map((port) => `listen 127.0.0.1:${port};`).join(' ')}
      location / { default_type application/json; return 200 '{"greeting":"hello from upstream"}'; }
    }`,
  );

/** A reverse proxy with kept upstream connections, a log line for each request and the usual forwarded headers. */
export const proxyConfiguration = (folder: string, port: number, upstreams: readonly number[]) =>
  frame(
    folder,
    `access_log /dev/null combined;
    upstream behind { ${upstreams.map((upstream) => `server 127.0.0.1:${upstream};`).join(' ')} keepalive 128; keepalive_requests 1000000000; }
    server {
      listen 127.0.0.1:${port};
      location / {
        proxy_pass http://behind;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Request-ID $request_id;
      }
    }`,
  );
