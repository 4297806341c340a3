// The contract of these files (class, symbols) is in README.md.

rule Office_97_VBA_project
{
    meta:
        class = "macro"
        description = "A Word, Excel or PowerPoint file of the old format with VBA code in it"
        reference = "[MS-CFB] 2.2 header signature; [MS-OVBA] 2.3.4.1 _VBA_PROJECT stream; 2.4.1 compressed modules begin with Attribute"
    strings:
        $project = "_VBA_PROJECT" wide
        // The first token sequence of a compressed module: 'Attribut', flag octet, 'e'.
        $module = { 00 41 74 74 72 69 62 75 74 00 65 }
    condition:
        not whole_message and uint32(0) == 0xE011CFD0 and uint32(4) == 0xE11AB1A1
        and ($project or $module)
}

rule Office_2007_VBA_project
{
    meta:
        class = "macro"
        description = "A Word, Excel or PowerPoint file of the new format (docm, xlsm, pptm, or renamed) with VBA code in it"
        reference = "APPNOTE.TXT 4.3.7: names of entries stand uncompressed; ECMA-376 packages call the project vbaProject.bin"
    strings:
        $entry = "/vbaProject.bin" nocase
    condition:
        not whole_message and uint32(0) == 0x04034B50 and $entry
}
