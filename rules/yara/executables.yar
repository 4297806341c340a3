// The contract of these files (class, symbols) is in README.md.
//
// Only deceit is called malware here: a program that claims to be something else. `setup.exe` under its own name passes.

private rule Is_program
{
    condition:
        // MZ with a PE header where it points to; ELF.
        (uint16(0) == 0x5A4D and uint32(0x3C) < filesize and uint32(uint32(0x3C)) == 0x00004550)
        or uint32(0) == 0x464C457F
}

rule Program_named_as_document
{
    meta:
        class = "malware"
        description = "A Windows or Linux program whose name or type says document, picture or sound"
    condition:
        not whole_message and Is_program
        and (part_name matches /\.(pdf|docx?|xlsx?|pptx?|odt|ods|odp|rtf|txt|csv|xml|html?|jpe?g|png|gif|bmp|tiff?|mp3|mp4|wav|avi)\s*$/i
             or part_type matches /^(image|audio|video)\//
             or part_type == "application/pdf")
}

rule Double_extension
{
    meta:
        class = "malware"
        description = "A name like invoice.pdf.exe: Windows hides the last extension and shows invoice.pdf"
    condition:
        not whole_message
        and part_name matches /\.(pdf|docx?|xlsx?|pptx?|odt|ods|rtf|txt|csv|xml|html?|jpe?g|png|gif|mp3|mp4)[\s_.]*\.(exe|scr|com|pif|bat|cmd|js|jse|vbs|vbe|wsf|wsh|hta|lnk|msi|ps1|cpl|jar|reg)[\s.]*$/i
}

rule Right_to_left_override_in_name
{
    meta:
        class = "malware"
        description = "U+202E in the name of a program or script: 'cod<U+202E>fdp.exe' is shown as 'codexe.pdf'"
    condition:
        not whole_message
        and part_name matches /\xE2\x80\xAE.*\.(exe|scr|com|pif|bat|cmd|js|jse|vbs|vbe|wsf|hta|lnk|msi|ps1|cpl|jar)[\s.]*$/i
}

rule Shortcut_starts_interpreter
{
    meta:
        class = "malware"
        description = "A Windows shortcut (.lnk) that starts a script interpreter"
        reference = "[MS-SHLLINK] 2.1: HeaderSize 0x4C, LinkCLSID 00021401-0000-0000-C000-000000000046"
    strings:
        $a = "powershell" ascii wide nocase
        $b = "mshta" ascii wide nocase
        $c = "wscript" ascii wide nocase
        $d = "cscript" ascii wide nocase
        $e = "rundll32" ascii wide nocase
        $f = "cmd.exe" ascii wide nocase
    condition:
        not whole_message
        and uint32(0) == 0x0000004C and uint32(4) == 0x00021401 and uint32(8) == 0x00000000 and uint32(12) == 0x000000C0
        and uint32(16) == 0x46000000
        and any of them
}
