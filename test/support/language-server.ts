/** What an editor shows of a name in a piece of TypeScript. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = resolve(import.meta.dirname, '../..')
const TSC = join(root, 'node_modules/typescript/bin/tsc')

interface Asked {
  resolve(message: Message): void
  reject(error: Error): void
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly result?: { readonly contents: { readonly value: string } } | null
}

export class LanguageServer {
  readonly #process: ChildProcess
  readonly #asked = new Map<number, Asked>()
  #text: string[] = []
  #uri = ''
  #id = 0
  #read = Buffer.alloc(0)

  private constructor() {
    this.#process = spawn(process.execPath, [TSC, '--lsp', '--stdio'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    this.#process.stdout?.on('data', (data: Buffer) => this.#receive(data))
    this.#process.once('exit', () => {
      for (const { reject } of this.#asked.values()) reject(new Error('the server has ended'))
    })
  }

  /** Opens `text` as a module of the folder of the tests of the plugin. */
  static async open(text: string): Promise<LanguageServer> {
    const server = new LanguageServer()
    server.#text = text.split('\n')
    server.#uri = pathToFileURL(join(root, 'test/sluice/plugin/opened-in-memory.ts')).href
    await server.#ask('initialize', {
      processId: process.pid,
      rootUri: pathToFileURL(root).href,
      capabilities: { textDocument: { hover: { contentFormat: ['plaintext'] } } },
    })
    server.#send({ method: 'initialized', params: {} })
    server.#send({
      method: 'textDocument/didOpen',
      params: { textDocument: { uri: server.#uri, languageId: 'typescript', version: 1, text } },
    })
    return server
  }

  /** Of the first place of `name` behind the first of `mark`. */
  async hover(mark: string, name: string): Promise<string> {
    const line = this.#text.findIndex((one) => one.includes(mark))
    const character = this.#text[line]?.indexOf(name, this.#text[line].indexOf(mark)) ?? -1
    if (character < 0) throw new Error(`no ${name} behind ${mark}`)
    const { result } = await this.#ask('textDocument/hover', {
      textDocument: { uri: this.#uri },
      position: { line, character },
    })
    return result?.contents.value ?? ''
  }

  close(): void {
    this.#process.kill()
  }

  #ask(method: string, params: object): Promise<Message> {
    const id = ++this.#id
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject })
      this.#send({ id, method, params })
    })
  }

  #send(message: object): void {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message })
    this.#process.stdin?.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }

  #receive(data: Buffer): void {
    this.#read = Buffer.concat([this.#read, data])
    for (;;) {
      const start = this.#read.indexOf('\r\n\r\n') + 4
      const length = Number(/content-length: (\d+)/i.exec(this.#read.toString('latin1'))?.[1])
      if (start < 4 || this.#read.length < start + length) return
      const message = JSON.parse(this.#read.toString('utf8', start, start + length)) as Message
      this.#read = this.#read.subarray(start + length)
      if (message.id === undefined) continue
      // What the server asks of an editor; this one has no settings.
      if (message.method !== undefined) this.#send({ id: message.id, result: null })
      else this.#asked.get(message.id)?.resolve(message)
      this.#asked.delete(message.id)
    }
  }
}
