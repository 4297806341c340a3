//! Subjects as a court gets them, in six languages, from templates and words of our own writing.

use std::collections::BTreeSet;

use crate::chance::Chance;

/// A language: its name, its templates, and what stands for `{0}` to `{3}` in them.
struct Tongue {
    name: &'static str,
    templates: &'static [&'static str],
    lists: [&'static [&'static str]; 4],
}

/// How many of each language.
const EACH: usize = 340;

/// Distinct subjects with their language.
pub fn all(chance: &mut Chance) -> Vec<(&'static str, String)> {
    let mut subjects = Vec::new();
    for tongue in TONGUES {
        let mut made = BTreeSet::new();
        for _ in 0..100_000 {
            if made.len() == EACH {
                break;
            }
            made.insert(tongue.subject(chance));
        }
        assert_eq!(made.len(), EACH, "{} has too few words", tongue.name);
        subjects.extend(made.into_iter().map(|text| (tongue.name, text)));
    }
    subjects
}

impl Tongue {
    fn subject(&self, chance: &mut Chance) -> String {
        let mut text = (*chance.of(self.templates)).to_owned();
        for (at, list) in self.lists.iter().enumerate() {
            let slot = format!("{{{at}}}");
            while text.contains(&slot) {
                let word: &str = chance.of::<&str>(list);
                text = text.replacen(&slot, word, 1);
            }
        }
        text = text.replace('#', &(1 + chance.below(980)).to_string());
        match chance.below(12) {
            0 => text.to_uppercase(),
            1 => format!("Re: {text}"),
            2 => format!("RES: ENC: {text}"),
            3 => format!("{text} 🙂"),
            _ => text,
        }
    }
}

const TONGUES: &[Tongue] = &[
    Tongue {
        name: "pt",
        templates: &[
            "Ata da {0} de {1}",
            "{0} da {2}: pauta nº #/2026",
            "Convite: {0} sobre {3}",
            "Processo 0800#-45.2026: {3}",
            "Relatório de {3} da {2}",
            "Escala de {1} da {2}",
            "{3}: dúvidas da {2}",
            "Férias em {1}, {2}",
            "Parecer nº # sobre {3}",
            "{0} adiada para {1}",
            "Ofício #/2026 – {2} – {3}",
            "Manutenção do sistema: {2}, {1}",
        ],
        lists: [
            &["reunião", "sessão", "audiência", "oficina", "palestra", "videoconferência", "visita", "solenidade"],
            &["janeiro", "março", "maio", "junho", "quinta-feira", "sexta-feira", "amanhã", "segunda quinzena"],
            &[
                "Secretaria",
                "Presidência",
                "1ª Câmara Cível",
                "Corregedoria",
                "Biblioteca",
                "Ouvidoria",
                "3ª Vara",
                "Escola Judicial",
            ],
            &[
                "gestão documental",
                "acessibilidade",
                "ação de usucapião",
                "estágio probatório",
                "coleta seletiva",
                "perícia médica",
                "apelação cível",
                "conciliação",
                "sucessão",
                "guarda compartilhada",
                "licitação de móveis",
                "memória institucional",
            ],
        ],
    },
    Tongue {
        name: "es",
        templates: &[
            "Acta de la {0} de {1}",
            "Invitación a la {0} sobre {3}",
            "Informe nº #: {3}",
            "{2}: consulta sobre {3}",
            "Convocatoria de {0}, {1}",
            "Resolución #/2026 de la {2}",
            "Agenda de {1} – {2}",
            "Traducción de {3}",
            "¿Cuándo será la {0} de la {2}?",
            "Cooperación con la {2}: {3}",
        ],
        lists: [
            &[
                "reunión",
                "sesión",
                "audiencia",
                "jornada",
                "conferencia",
                "visita",
                "mesa redonda",
                "mañana de estudio",
            ],
            &["enero", "marzo", "mayo", "junio", "jueves", "viernes", "la semana próxima", "otoño"],
            &[
                "Secretaría",
                "Corte Suprema",
                "Embajada",
                "Biblioteca",
                "Fiscalía",
                "Cátedra",
                "Universidad de Córdoba",
                "Defensoría",
            ],
            &[
                "derecho comparado",
                "niñez y adolescencia",
                "medio ambiente",
                "señalización",
                "extradición",
                "género y justicia",
                "archivo histórico",
                "cooperación judicial",
                "mediación",
                "lenguaje claro",
                "cigüeñas y humedales",
                "peritajes",
            ],
        ],
    },
    Tongue {
        name: "fr",
        templates: &[
            "Compte rendu de la {0} du # {1}",
            "Invitation : {0} sur {3}",
            "{2} – note nº # relative à {3}",
            "Ordre du jour de la {0}",
            "Demande d’entraide : {3}",
            "Où en est {3} ?",
            "Calendrier de {1} de la {2}",
            "Report de la {0} à {1}",
            "Bibliographie sur {3} (nº #)",
            "Vœux de la {2} pour {1}",
        ],
        lists: [
            &["réunion", "séance", "audience", "journée d’étude", "conférence", "visite", "rencontre", "cérémonie"],
            &["janvier", "février", "août", "juin", "jeudi", "décembre", "la rentrée", "Noël"],
            &[
                "Cour d’appel",
                "Chancellerie",
                "Bibliothèque",
                "Greffe",
                "Mairie de Cayenne",
                "Faculté de droit",
                "Présidence",
                "École nationale",
            ],
            &[
                "la médiation familiale",
                "l’œuvre de Montesquieu",
                "la garde à vue",
                "l’état civil",
                "la traduction assermentée",
                "l’égalité",
                "le bâtiment annexe",
                "l’accès au juge",
                "la forêt guyanaise",
                "le français juridique",
                "les procédures collectives",
                "la preuve",
            ],
        ],
    },
    Tongue {
        name: "de",
        templates: &[
            "Protokoll der {0} im {1}",
            "Einladung zur {0}: {3}",
            "{2}: Rückfrage zu {3}",
            "Az. # C 77/26 – {3}",
            "Grüße aus der {2}",
            "Verschiebung der {0} auf {1}",
            "Übersetzung: {3} (Teil #)",
            "Dienstplan {1}, {2}",
            "Straßensperrung vor der {2}",
            "Fragen zu {3}",
            "Maßnahmen zu {3}, Stand {1}",
        ],
        lists: [
            &["Sitzung", "Verhandlung", "Tagung", "Besprechung", "Führung", "Anhörung", "Vorlesung", "Schulung"],
            &["Januar", "März", "Mai", "Juni", "Donnerstag", "Spätsommer", "Frühjahr", "Dezember"],
            &[
                "Geschäftsstelle",
                "Botschaft",
                "Universität Köln",
                "Bücherei",
                "Kanzlei Groß",
                "Behörde",
                "Schlichtungsstelle",
                "Präsidialabteilung",
            ],
            &[
                "Rechtshilfeersuchen",
                "Größe des Saals",
                "Gebäudeschlüssel",
                "Grundbuch",
                "Ausschreibung für Möbel",
                "Umweltschutz",
                "Süßwasserfische",
                "Vormundschaft",
                "Fußgängerweg",
                "Jugendschöffen",
                "Zeugenaussage",
                "Spaß am Lesen",
            ],
        ],
    },
    Tongue {
        name: "ru",
        templates: &[
            "Протокол: {0} от # {1}",
            "Приглашение: {0}, {3}",
            "{2}: вопрос о деле № #",
            "Тема: {3}",
            "Расписание на {1}, {2}",
            "Перевод документа «{3}»",
            "{0} перенесена на {1}",
            "Сара и Рома: {3}, {2}",
            "ТЕМА СОБРАНИЯ: {3}",
            "Письмо № # ({2})",
            "Отчёт Word и Excel: {3}",
            "Мала ли мета? {3}",
            "Тара и сера: {2}, накладная № #",
            "Мел, тара, роса: {3}",
            "Лама и оса: {3}",
        ],
        lists: [
            &["встреча", "заседание", "лекция", "конференция", "экскурсия", "беседа", "комиссия", "консультация"],
            &["января", "марта", "мая", "июня", "четверг", "пятницу", "будущую неделю", "лето"],
            &[
                "Секретариат",
                "Посольство",
                "Библиотека",
                "Кафедра права",
                "Канцелярия",
                "Архив",
                "Областной суд",
                "Журнал",
            ],
            &[
                "охрана природы",
                "история города",
                "международная помощь",
                "словарь терминов",
                "книги и журналы",
                "сельское хозяйство",
                "право ребёнка",
                "зимний сад",
                "площадь помещения",
                "учебный план",
                "общий язык",
                "электронный архив",
            ],
        ],
    },
    Tongue {
        name: "el",
        templates: &[
            "Πρακτικά: {0}, # {1}",
            "Πρόσκληση: {0} για {3}",
            "{2}: ερώτηση για {3}",
            "Αυτό το έγγραφο: {3}",
            "{0}: ναι, τον {1}",
            "Αριθμός φακέλου #: {3}",
            "Μετάφραση: {3}",
            "ΝΕΟ ΠΡΟΓΡΑΜΜΑ: {0}",
            "Το βιο της πόλης: {3}",
            "Αλλαγή: {0}, {1}",
            "Αυτό και το νέο PDF: {3}",
            "{2} – ευχές για {1}",
        ],
        lists: [
            &["συνεδρίαση", "διάλεξη", "συνάντηση", "ημερίδα", "επίσκεψη", "ακρόαση", "παρουσίαση", "τελετή"],
            &["Ιανουάριο", "Μάρτιο", "Μάιο", "Ιούνιο", "Πέμπτη", "Σεπτέμβριο", "φθινόπωρο", "Δεκέμβριο"],
            &[
                "Γραμματεία",
                "Πρεσβεία",
                "Βιβλιοθήκη",
                "Νομική Σχολή",
                "Εφετείο Αθηνών",
                "Υπουργείο",
                "Δικαστήριο",
                "Αρχείο",
            ],
            &[
                "δικαστική συνδρομή",
                "προστασία του παιδιού",
                "ιστορία της πόλης",
                "φυσικό περιβάλλον",
                "ξένες γλώσσες",
                "δημόσιο κτήριο",
                "ψηφιακό αρχείο",
                "διεθνές δίκαιο",
                "αστική ευθύνη",
                "λεξικό όρων",
                "διαμεσολάβηση",
                "ισότητα φύλων",
            ],
        ],
    },
];
