// The contract of these files (class, symbols) is in README.md.

rule Zip_with_encrypted_entry
{
    meta:
        class = "encrypted"
        description = "A ZIP with at least one encrypted entry"
        reference = "APPNOTE.TXT 4.4.4: bit 0 of the general purpose bit flag"
    strings:
        $entry = { 50 4B 03 04 }
        $directory = { 50 4B 01 02 }
    condition:
        not whole_message and $entry at 0
        and ((uint16(6) & 1) == 1 or for any i in (1..#directory) : ((uint16(@directory[i] + 8) & 1) == 1))
}

rule Office_encrypted
{
    meta:
        class = "encrypted"
        description = "A Word, Excel or PowerPoint file of the new format with a password"
        reference = "[MS-OFFCRYPTO] 2.3.4.4: the \\EncryptedPackage stream of a compound file"
    strings:
        $package = "EncryptedPackage" wide
        $info = "EncryptionInfo" wide
    condition:
        not whole_message and uint32(0) == 0xE011CFD0 and all of them
}

rule PDF_encrypted
{
    meta:
        class = "encrypted"
        description = "A PDF that is encrypted (it may still open without a password)"
        reference = "ISO 32000-1 7.6.1: the Encrypt entry of the trailer dictionary"
    strings:
        $pdf = "%PDF-"
        $encrypt = /\/Encrypt\s{1,8}\d{1,8}\s{1,8}\d{1,5}\s{1,8}R/
    condition:
        not whole_message and $pdf in (0..1024) and $encrypt
}
