"""Programs of the graphics card (GLSL 3.30).

Bodies are dressed by where a point was on the average body at rest: `rest` holds that, `parts`
holds head, neck, leg, hand; the rest is torso and arms. A second colour target takes the person's
number (and .5 for the head), and the distance from the camera in metres.
"""

from typing import Final

_HEAD: Final = "#version 330\n"

_LIGHT: Final = """
uniform vec3 sun, sun_colour, sky, ground, lamp_colour;
uniform vec3 lamp[3];
uniform mat4 shadow_matrix;
uniform sampler2DShadow shadow;
vec3 shade(vec3 at, vec3 normal, vec3 colour) {
  vec3 q = (shadow_matrix * vec4(at + normal * .02, 1.)).xyz * .5 + .5;
  float lit = 1.;
  q.z -= .0015;
  if (all(greaterThan(q, vec3(0.))) && all(lessThan(q, vec3(1.))))
    lit = (texture(shadow, q + vec3(.0006, .0002, 0.))
         + texture(shadow, q + vec3(-.0004, .0005, 0.))) / 2.;
  vec3 light = mix(ground, sky, normal.z * .5 + .5) + sun_colour * lit * max(dot(normal, sun), 0.);
  for (int i = 0; i < 3; i++) {
    vec3 d = lamp[i] - at;
    float r = dot(d, d);
    light += lamp_colour * (max(dot(normal, d) * inversesqrt(r), 0.) * .8 + .2) / (1. + .25 * r);
  }
  return colour * light;
}
"""

_HAIRLINE: Final = """
float hairline(float y) { return mix(.722, .57, smoothstep(-.19, -.08, y)); }
"""

_DRESS: Final = """
uniform float inflate, hair_inflate, shell;
vec3 dressed(vec3 p, vec3 n, vec3 rest, vec4 parts) {
  float torso = clamp(1. - parts.x - parts.y - parts.z, 0., 1.);
  float hair = parts.x * smoothstep(-.01, .02, rest.z - hairline(rest.y));
  float fold = .75 + .25 * sin(rest.z * 55. + rest.x * 41. + rest.y * 23.);
  float wrist = smoothstep(.36, .44, abs(rest.x));
  float cuff = (1. - .6 * wrist) * (1. - parts.w);
  return p + n * (inflate * torso * fold * (1. - parts.w) * (1. - wrist) + hair_inflate * hair
    + shell * cuff * (torso + .9 * parts.z + .5 * parts.y) * (.93 + .1 * fold) + .006 * parts.z);
}
"""

_CUT: Final = """
uniform float sleeve, open, coat_end;
bool cut(vec3 rest, vec4 parts) {
  float x = abs(rest.x);
  return parts.x > .5 || (parts.z > .5 && rest.z < coat_end) || x > sleeve || parts.w > .5
    || (parts.y > .5 && rest.z > .545)
    || (rest.y < -.06 && rest.z < .56 && x < open * (.35 + 1.1 * (.6 - rest.z) * .5));
}
"""

BODY_VERTEX: Final = (
    _HEAD
    + """uniform mat4 view, place;
in vec3 position, normal, rest;
in vec4 parts;
out vec3 at, facing, was;
out vec4 of;
"""
    + _HAIRLINE
    + _DRESS
    + """
void main() {
  vec4 g = place * vec4(dressed(position, normal, rest, parts), 1.);
  at = g.xyz; facing = mat3(place) * normal; was = rest; of = parts;
  gl_Position = view * g;
}
"""
)

BODY_FRAGMENT: Final = (
    _HEAD
    + _LIGHT
    + _HAIRLINE
    + _CUT
    + """
uniform sampler2DArray tex;
uniform vec3 skin, hair, shirt, shirt2, trousers, shoe, eye;
uniform float layer, scale, bald, person, hood, mask, shell, split, glasses, shorts;
in vec3 at, facing, was;
in vec4 of;
layout(location = 0) out vec4 colour;
layout(location = 1) out vec2 ids;
vec3 face(vec3 c, float x, float noise) {
  vec2 e = vec2((x - .033) / .0145, (was.z - .668) / .0085);
  float d = dot(e, e);
  if (d < 1.) c = d < .35 ? vec3(.04, .03, .03) : mix(vec3(.6), skin, .25);
  if (abs(x - .034) < .019 && abs(was.z - .689 - .05 * (.034 - x)) < .0042) c = mix(c, hair, .8);
  vec2 m = vec2(was.x / .025, (was.z - .603) / .0075);
  if (dot(m, m) < 1.) c *= vec3(.75, .48, .48);
  vec2 n = vec2((x - .011) / .007, (was.z - .632) / .005);
  if (dot(n, n) < 1. && was.y < -.15) c *= .55;
  if (mask > .5 && was.z < .652)
    c = vec3(.75, .85, .92) * (.9 + .2 * noise) * (mask > 1.5 ? .06 : 1.);
  if (mask < -.5 && was.z < .62 + .02 * noise) c = mix(c, hair, .65);
  if (glasses > .5) {
    float g = length(vec2((x - .034) / .026, (was.z - .667) / .02));
    if (abs(g - 1.) < .1 || (x < .009 && abs(was.z - .672) < .003)) c = vec3(.03, .025, .02);
    else if (g < 1.) c = mix(c, vec3(.7, .8, .9), glasses > 1.5 ? .5 : .08);
  }
  return c;
}
void main() {
  if (shell > 0. && cut(was, of)) discard;
  vec3 n = normalize(facing);
  vec3 c;
  float noise = texture(tex, vec3(was.xz * 6. + was.yy * 4., 1.)).r;
  float strand = texture(tex, vec3(was.xz * vec2(22., 5.) + was.yy * 9., 1.)).r;
  float x = abs(was.x);
  bool head = of.x > .5, bare = x > sleeve || of.w > .5;
  vec3 own = skin * (.93 + .14 * noise);
  if (head) {
    bool covered = was.z + (noise - .5) * .025 > hairline(was.y) && bald < .5;
    c = covered ? hair * (.55 + .9 * strand) : own;
    if (!covered && was.y < -.13) c = face(c, x, noise);
    if (hood > .5 && (was.y > -.15 || was.z > .715 || was.z < .575)) c = shirt * (.8 + .4 * noise);
  } else if (of.z > .5 && shell <= 0.) {
    c = was.z < -.72 ? shoe : was.z < shorts ? own : trousers * (.8 + .4 * noise);
  } else if (bare || (of.y > .5 && was.z > .53 && hood < .5 && shell <= 0.)) {
    c = own;
  } else {
    vec3 t = texture(tex, vec3(was.xz * scale + was.yy * .3, layer)).rgb;
    bool second = (split > .5 && split < 1.5 && x > .17)
      || (split > 1.5 && split < 2.5 && was.z > .4)
      || (split > 2.5 && split < 3.5 && (x > .17 || was.z > .43)) || (split > 3.5 && was.z < .3)
      || of.y > .5 || (x > .4 && x < .44 && split > .5);
    c = (second ? shirt2 : shirt) * (.35 + .9 * t);
    float f = texture(tex, vec3(was.xz * 3. + at.xy, 2.)).r - .5;
    n = normalize(n + vec3(f, f * .7, -f) * .8);
  }
  vec3 light = shade(at, n, c);
  vec3 v = normalize(eye - at);
  if (head || bare)
    light += c * .12 * pow(1. - max(dot(v, n), 0.), 3.)
      + vec3(.03) * pow(max(dot(reflect(-v, n), sun), 0.), 10.);
  colour = vec4(pow(light, vec3(1. / 2.2)), 1.);
  ids = vec2(person > 0. ? person + (head ? .5 : 0.) : 0., length(at - eye));
}
"""
)

_INSTANCE: Final = """
in vec3 position, normal;
in vec4 row0, row1, row2, look0, look1;
"""

THING_VERTEX: Final = (
    _HEAD
    + "uniform mat4 view;\n"
    + _INSTANCE
    + """out vec3 at, facing, cover;
out vec4 tint, how;
void main() {
  vec4 q = vec4(position, 1.);
  at = vec3(dot(row0, q), dot(row1, q), dot(row2, q));
  vec3 s = vec3(length(vec3(row0.x, row1.x, row2.x)), length(vec3(row0.y, row1.y, row2.y)),
                length(vec3(row0.z, row1.z, row2.z)));
  vec3 n = normal / (s * s);
  facing = normalize(vec3(dot(row0.xyz, n), dot(row1.xyz, n), dot(row2.xyz, n)));
  cover = position * s;
  if (abs(normal.x) > .5) cover = cover.yzx;
  else if (abs(normal.y) > .5) cover = cover.xzy;
  tint = look0; how = look1;
  gl_Position = view * vec4(at, 1.);
}
"""
)

THING_FRAGMENT: Final = (
    _HEAD
    + _LIGHT
    + """
uniform sampler2DArray tex;
uniform vec3 eye;
in vec3 at, facing, cover;
in vec4 tint, how;
layout(location = 0) out vec4 colour;
layout(location = 1) out vec2 ids;
void main() {
  vec2 spot = vec2(cover.x * how.y + how.w, how.w - cover.y * how.y);
  vec3 c = tint.rgb * (.25 + texture(tex, vec3(spot, how.x)).rgb);
  vec3 n = normalize(facing);
  vec3 light = how.z > 0. ? c * how.z : shade(at, n, c);
  if (how.z < -.5)
    light += vec3(.1) * pow(max(dot(reflect(-normalize(eye - at), n), sun), 0.), 12.);
  colour = vec4(pow(light, vec3(1. / 2.2)), 1.);
  ids = vec2(tint.w > 0. ? tint.w + .5 : 0., length(at - eye));
}
"""
)

BODY_DEPTH_VERTEX: Final = (
    _HEAD
    + "uniform mat4 view, place;\nin vec3 position, normal, rest;\nin vec4 parts;\n"
    + "out vec3 was;\nout vec4 of;\n"
    + _HAIRLINE
    + _DRESS
    + """
void main() {
  was = rest; of = parts;
  gl_Position = view * place * vec4(dressed(position, normal, rest, parts), 1.);
}
"""
)

THING_DEPTH_VERTEX: Final = (
    _HEAD
    + "uniform mat4 view;\n"
    + _INSTANCE
    + """
void main() {
  vec4 q = vec4(position, 1.);
  gl_Position = view * vec4(dot(row0, q), dot(row1, q), dot(row2, q), 1.);
}
"""
)

DEPTH_FRAGMENT: Final = _HEAD + "void main() {}\n"

BODY_MASK_FRAGMENT: Final = (
    _HEAD
    + _CUT
    + """
uniform float shell;
in vec3 was;
in vec4 of;
out vec4 colour;
void main() {
  if (shell > 0. && cut(was, of)) discard;
  colour = vec4(of.x > .5 ? 1. : .5);
}
"""
)

THING_MASK_FRAGMENT: Final = _HEAD + "out vec4 colour;\nvoid main() { colour = vec4(1.); }\n"
