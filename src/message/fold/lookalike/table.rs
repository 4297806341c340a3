//! The letters that look like an ASCII letter, by script: the data of decision 15, written for this program.
//!
//! In it is what a reader of Portuguese takes for the one letter, in the letter's usual printed form, hooks, tails and small
//! capitals included. Not in it: what compatibility (NFKC) or the accents of [`super::super::Fold`] make an ASCII letter already, what
//! looks like two letters (`rn` is no `m`), digits, and turned or mirrored letters. `docs/look-alikes.md` shows it to people, and a
//! test holds the page to it.

use super::super::script::Script;

/// One script's letters.
pub(in super::super) struct Alphabet {
    /// Whose.
    pub script: Script,
    /// Groups with a space between: an ASCII letter, then the letters that nobody tells from it. A small letter that is drawn as a
    /// small capital stands with the small letter.
    pub close: &'static str,
    /// The same with letters that a disguise is made of, but that show their script to who looks twice. Only scripts whose words
    /// may be left alone need the difference.
    pub rough: &'static str,
}

/// Every script with such letters.
pub(in super::super) const ALPHABETS: &[Alphabet] = &[
    // Small capitals, letters of the phonetic alphabet, hooks and tails that Unicode does not decompose. Turned and mirrored
    // letters are not here, nor are `ß` and `þ`: German and Icelandic words are made of them.
    Alphabet {
        script: Script::Latin,
        close: "a\u{251}\u{1d00} B\u{181}\u{182} b\u{183}\u{185}\u{253}\u{299} C\u{187} c\u{188}\u{255}\u{1d04} \
            D\u{189}\u{18a}\u{18b} d\u{18c}\u{256}\u{257}\u{1d05} E\u{190} e\u{25b}\u{1d07} F\u{191} \
            f\u{192}\u{a730} G\u{193}\u{a7ac} g\u{260}\u{261}\u{262} H\u{2c67}\u{a7aa} \
            h\u{266}\u{29c}\u{2c68} I\u{196} i\u{269}\u{26a} j\u{29d}\u{1d0a} K\u{198}\u{2c69}\u{a740} \
            k\u{138}\u{199}\u{1d0b}\u{2c6a}\u{a741} L\u{2c60}\u{2c62}\u{a748} \
            l\u{1c0}\u{26b}\u{26d}\u{29f}\u{2c61}\u{a749} M\u{2c6e} m\u{271}\u{1d0d} N\u{14a}\u{19d}\u{220} \
            n\u{14b}\u{19e}\u{272}\u{273}\u{274} O\u{19f} o\u{275}\u{1d0f}\u{2c7a} P\u{1a4}\u{2c63} \
            p\u{1a5}\u{1d18}\u{1d7d} Q\u{24a} q\u{24b}\u{2a0}\u{a7af} R\u{1a6}\u{2c64} \
            r\u{27c}\u{27d}\u{27e}\u{280} S\u{2c7e} s\u{23f}\u{282}\u{a731} T\u{1ac}\u{1ae} \
            t\u{1ab}\u{1ad}\u{288}\u{1d1b} u\u{28a}\u{1d1c} V\u{1b2} v\u{28b}\u{1d20}\u{2c71} W\u{2c72} \
            w\u{1d21}\u{2c73} Y\u{1b3} y\u{1b4}\u{28f} Z\u{224}\u{2c6b}\u{2c7f} \
            z\u{225}\u{240}\u{290}\u{291}\u{1d22}\u{2c6c}",
        rough: "",
    },
    // Small letters that are drawn as small capitals (`в`, `м`, `т`) look roughly as those do. `Л` looks like no Latin
    // letter, but who reads `ВОЛЕТО` reads *boleto*, so it is an L; no other letter is here for its sound.
    Alphabet {
        script: Script::Cyrillic,
        close: "A\u{410} a\u{430} B\u{412} C\u{421}\u{4aa} c\u{441}\u{4ab} D\u{500} d\u{501} E\u{415} e\u{435} \
            G\u{50c} g\u{50d} H\u{41d}\u{4a2}\u{4ba}\u{4c7}\u{4c9} h\u{4bb} I\u{406} i\u{456} J\u{408} \
            j\u{458} K\u{41a}\u{49a}\u{49e}\u{4a0}\u{4c3} L\u{41b} l\u{4c0}\u{4cf} M\u{41c}\u{4cd} \
            O\u{41e}\u{4e8} o\u{43e}\u{4e9} P\u{420}\u{48e} p\u{440}\u{48f} Q\u{51a} q\u{51b} S\u{405} \
            s\u{455} T\u{422}\u{4ac} V\u{474} v\u{475} W\u{51c} w\u{51d} X\u{425}\u{4b2}\u{4fc}\u{4fe} \
            x\u{445}\u{4b3}\u{4fd}\u{4ff} Y\u{423}\u{4ae}\u{4b0} y\u{443}\u{4af}\u{4b1}",
        rough: "B\u{411} b\u{42c}\u{431}\u{432}\u{44c} E\u{404}\u{4bc}\u{510} e\u{454}\u{4bd}\u{511} F\u{492} \
            f\u{493} h\u{43d}\u{452}\u{45b}\u{4a3}\u{4c8}\u{4ca} k\u{43a}\u{49b}\u{49f}\u{4a1}\u{4c4} \
            l\u{43b} m\u{43c}\u{4ce} n\u{43f} r\u{433} t\u{442}\u{4ad} W\u{460} w\u{461}",
    },
    // `σ` is no o and `Λ` no L: nobody takes them for one.
    Alphabet {
        script: Script::Greek,
        close: "A\u{391} a\u{3b1} B\u{392} C\u{3f9} c\u{3f2} E\u{395} H\u{397} I\u{399} i\u{3b9} J\u{37f} \
            j\u{3f3} K\u{39a} M\u{39c} N\u{39d} O\u{39f} o\u{3bf} P\u{3a1} p\u{3c1} T\u{3a4} u\u{3c5} \
            v\u{3bd} X\u{3a7} Y\u{3a5} Z\u{396}",
        rough: "b\u{3b2} e\u{3b5} k\u{3ba} n\u{3b7} t\u{3c4} u\u{3bc} w\u{3c9} x\u{3c7} y\u{3b3}",
    },
    Alphabet {
        script: Script::Armenian,
        close: "g\u{581} h\u{570} j\u{575} L\u{53c} l\u{56c} n\u{578}\u{57c} O\u{555} o\u{585} q\u{563}\u{566} \
            S\u{54f} U\u{54d} u\u{57d} w\u{561}",
        rough: "",
    },
    // The small letters are drawn as small capitals.
    Alphabet {
        script: Script::Cherokee,
        close: "A\u{13aa} a\u{ab7a} B\u{13f4} b\u{13cf}\u{13fc}\u{ab9f} C\u{13df} c\u{abaf} D\u{13a0} \
            d\u{13e7}\u{ab70}\u{abb7} E\u{13ac} e\u{ab7c} G\u{13c0}\u{13f3} g\u{13fb}\u{ab90} H\u{13bb} \
            h\u{13c2}\u{ab8b}\u{ab92} i\u{13a5}\u{ab75} J\u{13ab} j\u{ab7b} K\u{13e6} k\u{abb6} L\u{13de} \
            l\u{abae} M\u{13b7} m\u{ab87} P\u{13e2} p\u{abb2} R\u{13a1}\u{13d2} r\u{ab71}\u{aba2} \
            S\u{13d5}\u{13da} s\u{aba5}\u{abaa} T\u{13a2} t\u{ab72} V\u{13d9} v\u{aba9} W\u{13b3}\u{13d4} \
            w\u{ab83}\u{aba4} Y\u{13a9}\u{13bd} y\u{ab79}\u{ab8d} Z\u{13c3} z\u{ab93}",
        rough: "",
    },
    // Made of Latin capitals. The turned ones are not here.
    Alphabet {
        script: Script::Lisu,
        close: "A\u{a4ee} B\u{a4d0} C\u{a4da} D\u{a4d3} E\u{a4f0} F\u{a4dd} G\u{a4d6} H\u{a4e7} I\u{a4f2} \
            J\u{a4d9} K\u{a4d7} L\u{a4e1} M\u{a4df} N\u{a4e0} O\u{a4f3} P\u{a4d1} R\u{a4e3} S\u{a4e2} \
            T\u{a4d4} U\u{a4f4} V\u{a4e6} W\u{a4ea} X\u{a4eb} Y\u{a4ec} Z\u{a4dc}",
        rough: "",
    },
    Alphabet {
        script: Script::Coptic,
        close: "A\u{2c80} a\u{2c81} B\u{2c82} b\u{2c83} C\u{2ca4} c\u{2ca5} E\u{2c88} e\u{2c89} H\u{2c8e} \
            h\u{2c8f} I\u{2c92} i\u{2c93} K\u{2c94} k\u{2c95} M\u{2c98} m\u{2c99} N\u{2c9a} n\u{2c9b} \
            O\u{2c9e} o\u{2c9f} P\u{2ca2} p\u{2ca3} T\u{2ca6} t\u{2ca7} X\u{2cac} x\u{2cad} Y\u{2ca8} \
            y\u{2ca9} Z\u{2c8c} z\u{2c8d}",
        rough: "",
    },
    // What "fancy text" pages on the web write with.
    Alphabet {
        script: Script::CanadianAboriginal,
        close: "A\u{15c5}\u{15e9} B\u{15f7} C\u{1455} D\u{15de}\u{15ea} E\u{15f4} F\u{15b4} H\u{157c} J\u{148d} \
            L\u{14aa} M\u{15f0} N\u{144e} O\u{15dd} P\u{146d} R\u{1587} S\u{1515} U\u{144c} V\u{142f} \
            W\u{15ef} x\u{1541}",
        rough: "",
    },
    Alphabet {
        script: Script::Runic,
        close: "B\u{16d2} H\u{16ba} I\u{16c1} K\u{16d5} M\u{16d6} R\u{16b1} X\u{16b7}",
        rough: "",
    },
    Alphabet { script: Script::Tifinagh, close: "e\u{2d39} l\u{2d4f} o\u{2d54} x\u{2d5d}", rough: "" },
    Alphabet { script: Script::Deseret, close: "O\u{10404} o\u{1042c}", rough: "" },
    Alphabet { script: Script::Ethiopic, close: "n\u{1260} o\u{12d0} U\u{1200}", rough: "" },
    Alphabet { script: Script::Hebrew, close: "l\u{5d5}\u{5df} n\u{5d7} o\u{5e1}", rough: "" },
    Alphabet { script: Script::Arabic, close: "l\u{627} o\u{647}", rough: "" },
    Alphabet { script: Script::Georgian, close: "o\u{10ff}", rough: "" },
    Alphabet { script: Script::Malayalam, close: "o\u{d20}", rough: "" },
    Alphabet { script: Script::Myanmar, close: "o\u{101d}", rough: "" },
    Alphabet { script: Script::Oriya, close: "o\u{b20}", rough: "" },
    // White letters in black rings and squares. Regional indicators are not here: two of them are a flag, and honest
    // subjects wave it.
    Alphabet {
        script: Script::Common,
        close: "A\u{1f150}\u{1f170} B\u{1f151}\u{1f171} C\u{1f152}\u{1f172} D\u{1f153}\u{1f173} \
            E\u{1f154}\u{1f174} F\u{1f155}\u{1f175} G\u{1f156}\u{1f176} H\u{1f157}\u{1f177} \
            I\u{1f158}\u{1f178} J\u{1f159}\u{1f179} K\u{1f15a}\u{1f17a} L\u{1f15b}\u{1f17b} \
            M\u{1f15c}\u{1f17c} N\u{1f15d}\u{1f17d} O\u{1f15e}\u{1f17e} P\u{1f15f}\u{1f17f} \
            Q\u{1f160}\u{1f180} R\u{1f161}\u{1f181} S\u{1f162}\u{1f182} T\u{1f163}\u{1f183} \
            U\u{1f164}\u{1f184} V\u{1f165}\u{1f185} W\u{1f166}\u{1f186} X\u{1f167}\u{1f187} \
            Y\u{1f168}\u{1f188} Z\u{1f169}\u{1f189}",
        rough: "",
    },
];
