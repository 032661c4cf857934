#!/bin/sh
# Usage: inputs.sh DIRECTORY
# Writes the inputs of the specs beside it: for each program a file for the training and another one, alike in
# kind and different in content, for the measurement. The same bytes on every machine.
set -eu
cd "${1:?a directory}"

# Each function takes a seed and writes a text to standard output. The generator is that of Park and Miller,
# "Random number generators: good ones are hard to find", CACM 31 (1988): its products stay below 2^53, so that
# every awk gives the same numbers.
generator='
    function draw(n) { state = (state * 16807) % 2147483647; return int(state / 2147483647 * n) }
    function word(  text, length_) {
        text = ""
        for (length_ = 2 + draw(7); length_ > 0; length_--) text = text substr("etaoinshrdlcumwfgypbvk", 1 + draw(22), 1)
        return text
    }
    function words(n,  text) { text = word(); while (--n > 0) text = text " " word(); return text }
'

markdown() {
    awk -v state="$1" "$generator"'BEGIN {
        for (part = 0; part < 1500; part++) {
            kind = draw(8)
            if (kind == 0) print "## " words(4)
            else if (kind == 1) for (row = 0; row < 5; row++) print "- " words(6) " `" word() "`"
            else if (kind == 2) { print "| " word() " | " word() " |"; print "|---|---|"; for (row = 0; row < 4; row++) print "| " words(2) " | **" word() "** |" }
            else if (kind == 3) print "> " words(12) "\n> " words(9)
            else if (kind == 4) print "```rust\nfn " word() "() { " word() "(); }\n```"
            else for (line = 0; line < 6; line++) print words(5) " *" word() "* [" words(2) "](https://example.org/" word() ") " words(4)
            print ""
        }
    }'
}

svg() {
    awk -v state="$1" "$generator"'BEGIN {
        print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"600\">"
        for (shape = 0; shape < 300; shape++) {
            fill = sprintf("fill=\"#%02x%02x%02x\" fill-opacity=\"0.%d\"", draw(256), draw(256), draw(256), 3 + draw(7))
            kind = draw(3)
            if (kind == 0) printf "<circle cx=\"%d\" cy=\"%d\" r=\"%d\" %s/>\n", draw(800), draw(600), 5 + draw(60), fill
            else if (kind == 1) printf "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\" transform=\"rotate(%d)\" %s/>\n", draw(800), draw(600), 10 + draw(90), 10 + draw(90), draw(12), draw(20), fill
            else printf "<path d=\"M%d %d C%d %d %d %d %d %d Z\" stroke=\"black\" stroke-width=\"%d\" %s/>\n", draw(800), draw(600), draw(800), draw(600), draw(800), draw(600), draw(800), draw(600), 1 + draw(4), fill
        }
        print "</svg>"
    }'
}

dates() {
    awk -v state="$1" "$generator"'BEGIN {
        for (line = 0; line < 60000; line++)
            printf "%s %04d-%02d-%02d %s@%s.example %s\n", words(3), 1990 + draw(40), 1 + draw(12), 1 + draw(28), word(), word(), words(4)
    }'
}

program() {
    awk -v state="$1" "$generator"'BEGIN {
        for (part = 0; part < 20000; part++) {
            kind = draw(6)
            if (kind == 0) print "// " words(6)
            else if (kind == 1) print "/* " words(4) "\n   " words(5) " */"
            else if (kind == 2) print "    let " word() " = \"" words(3) " // " word() "\";"
            else if (kind == 3) print "fn " word() "() {\n    " word() "();\n}\n"
            else if (kind == 4) print "/// " words(5) "\n/// ```\n/// " word() "();\n/// ```"
            else print "    " word() "(" draw(1000) ", \"" word() "\"); // " words(2)
        }
    }'
}


for seed in 11 23; do
    [ "$seed" -eq 11 ] && part=train || part=holdout
    markdown "$seed" > "$part.md"
    svg "$seed" > "$part.svg"
    dates "$seed" > "$part.txt"
    program "$seed" > "$part.rs"
done
