import type { GatewayStatus, ServiceStatus } from './status';

/** Labels of the states; the text carries the meaning, colours only repeat it. */
const STATE_WORDS: Record<ServiceStatus['state'], string> = {
  up: 'up',
  starting: 'starting',
  draining: 'draining',
  unhealthy: 'unhealthy',
  gone: 'gone',
};

/** The HTML status page at `/`, which refreshes itself while it is open. */
export function startPage(status: GatewayStatus): string {
  const link = (name: string) => escaped(status.links[name] ?? '');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Rookery</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#services">Skip to the services</a>
<header>
<p class="mark" aria-hidden="true"></p>
<h1>Rookery</h1>
<p class="lead">API gateway</p>
<nav aria-label="Documentation and operation">
<a class="primary" href="${link('docs')}">API documentation</a>
<a href="${link('openapi')}">OpenAPI document</a>
<a href="${link('ready')}">Readiness</a>
<a href="${link('metrics')}">Metrics</a>
</nav>
</header>
<main>
${services(status)}
</main>
<footer><p>Gateway ${escaped(status.version)}. Request <code>application/json</code> for this page as JSON.</p></footer>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

function services(status: GatewayStatus): string {
  const all = Object.entries(status.services);
  const up = all.filter(([, { state }]) => state === 'up').length;
  return `<div class="heading"><h2 id="services" tabindex="-1">Services</h2>
<p role="status">${all.length === 0 ? 'No service has registered yet.' : `${up} of ${all.length} up`}</p></div>
<ul class="services">
${all.map(([name, service]) => card(name, service)).join('\n')}
</ul>`;
}

function card(name: string, service: ServiceStatus): string {
  const versions = [...new Set(service.instances.map(({ version }) => version))].join(', ');
  const count = service.instances.length;
  return `<li class="${service.state}">
<h3><a href="${escaped(service.docs)}">${escaped(name)}</a></h3>
<p class="state">${STATE_WORDS[service.state]}</p>
<p class="facts">${count === 1 ? '1 instance' : `${count} instances`}${versions === '' ? '' : ` · ${escaped(versions)}`}</p>
</li>`;
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

const STYLE = `
:root{--ground:#f6f5f2;--surface:#fff;--ink:#1d2026;--quiet:#59606c;--line:#dddad3;--accent:#1f5f4f;--on-accent:#fff;
--up:#1b6e45;--waiting:#8a5a00;--down:#a8261c}
@media(prefers-color-scheme:dark){:root{--ground:#14171b;--surface:#1d2127;--ink:#eceae5;--quiet:#a6adb8;--line:#343a43;
--accent:#7fd0b5;--on-accent:#10231d;--up:#6fd39d;--waiting:#f0bd62;--down:#ff9186}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
header,main,footer{max-width:64rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:3rem}
.mark{width:2.5rem;height:2.5rem;margin:0 0 1rem;border-radius:50% 50% 50% 12%;background:var(--accent)}
h1{margin:0;font-size:2.25rem;line-height:1.15;letter-spacing:-.02em}
.lead{margin:.25rem 0 1.5rem;font-size:1.15rem;color:var(--quiet)}
nav{display:flex;flex-wrap:wrap;gap:.5rem}
nav a{padding:.55rem .9rem;border:1px solid var(--line);border-radius:.5rem;background:var(--surface);color:var(--ink);text-decoration:none}
nav a:hover{border-color:var(--accent)}
nav .primary{background:var(--accent);border-color:var(--accent);color:var(--on-accent);font-weight:600}
.heading{display:flex;align-items:baseline;justify-content:space-between;gap:1rem;margin-top:2.5rem}
h2{margin:0;font-size:1.25rem}
.heading p{margin:0;color:var(--quiet)}
.services{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(15rem,100%),1fr));gap:.75rem;margin:1rem 0 0;padding:0;list-style:none}
.services li{position:relative;display:grid;grid-template-columns:1fr auto;gap:0 .75rem;padding:.9rem 1rem;border:1px solid var(--line);border-radius:.75rem;background:var(--surface)}
.services li:hover{border-color:var(--accent)}
h3{margin:0;font-size:1.05rem;overflow-wrap:anywhere}
h3 a{color:inherit;text-decoration:none}
h3 a::after{content:"";position:absolute;inset:0;border-radius:.75rem}
.state{display:flex;align-items:center;gap:.4rem;margin:0;font-weight:600;color:var(--waiting)}
.state::before{content:"";width:.6rem;height:.6rem;border-radius:50%;background:currentColor}
.up .state{color:var(--up)}
.gone .state,.unhealthy .state{color:var(--down)}
.gone .state::before,.unhealthy .state::before{border-radius:0}
.facts{grid-column:1/-1;margin:.15rem 0 0;font-size:.9rem;color:var(--quiet);overflow-wrap:anywhere}
footer{margin-top:2.5rem;padding-bottom:2rem;font-size:.9rem;color:var(--quiet)}
a:focus-visible,h3 a:focus-visible::after{outline:3px solid var(--accent);outline-offset:2px}
h3 a:focus-visible{outline:none}
.skip{position:absolute;left:-999rem}
.skip:focus{left:1rem;top:1rem;padding:.5rem .75rem;background:var(--surface);color:var(--ink)}
`;

/**
 * Refreshes the list in place: the focused link keeps its focus, and screen readers announce changes, not every refresh.
 */
const SCRIPT = `
async function refresh(){
  if(document.hidden)return;
  const status=document.querySelector('[role=status]');
  try{
    const response=await fetch('',{headers:{accept:'text/html'}});
    const next=new DOMParser().parseFromString(await response.text(),'text/html');
    say(status,next.querySelector('[role=status]').textContent);
    const list=document.querySelector('.services'),nextList=next.querySelector('.services');
    if(list.innerHTML===nextList.innerHTML)return;
    const focused=document.activeElement.getAttribute('href');
    list.replaceChildren(...nextList.childNodes);
    if(focused)list.querySelector('a[href="'+focused+'"]')?.focus();
  }catch{
    say(status,'The gateway is unreachable; retrying.');
  }
}
function say(status,text){if(status.textContent!==text)status.textContent=text}
setInterval(refresh,5000);
`;

const sha256 = (text: string) => `'sha256-${new Bun.CryptoHasher('sha256').update(text).digest('base64')}'`;

/** Only the page's own style and script are allowed, and connections only to this gateway. */
export const START_PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-cache',
  vary: 'accept',
  'content-security-policy': `default-src 'none'; style-src ${sha256(STYLE)}; script-src ${sha256(SCRIPT)}; connect-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'`,
};
