//! Words that somebody in Brazil might put into a rule against fraud, extortion, gambling, medicine or chain letters, as folded.

/// 200 of them. In the last lines are some that Russian and Greek words look like: *auto* is `αυτό`, *tema* is `тема`, *mala* is `мала`.
pub fn all() -> Vec<&'static str> {
    WORDS.split_ascii_whitespace().collect()
}

const WORDS: &str = "
    boleto boletos voleto fatura faturas duplicata pix ted senha senhas login token cobranca debito divida dividas
    protestado negativado serasa spc cartorio intimado bloqueado bloqueada suspensa expirada expirou vencido vencida
    atrasado inadimplente pagamento pague pagar estorno reembolso restituicao devolucao deposito saque saldo
    transferencia comprovante recibo parcela parcelas emprestimo consignado financiamento limite cartao cartoes fgts
    cpf cnpj malha leao imposto multa multas pedagio detran renavam ipva cnh correios encomenda rastreio alfandega
    taxado taxada sorteio sorteado premiado premio ganhador ganhe gratis brinde promocao desconto cupom oferta
    ofertas liquidacao aposta apostas cassino bingo roleta tigrinho bitcoin cripto investimento lucro lucros renda
    milionario heranca herdeiro doacao viagra cialis emagreca emagrecer colageno milagroso cura remedio farmacia
    libido amante solteiras encontros nudes intimas webcam chantagem hackeado invadido invadida virus trojan
    ransomware resgate confidencial sigiloso urgente urgencia imediato aviso clique acesse confirme atualize
    verifique valide revalide redefina desbloqueie recadastre recadastramento atualizacao verificacao validacao
    cadastro conta contas banco bradesco itau santander caixa nubank picpay mercadopago paypal netflix spotify
    amazon whatsapp instagram docusign onedrive sharepoint anexo anexos planilha nfe danfe xml orcamento cotacao
    proposta curriculo vaga vagas diploma certificado licenca tema meta mala mal mel bela lama copa capa oca tapa
    cepa tom auto vai bio bot cala atom rol
";
