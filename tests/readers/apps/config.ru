# What a Rack app reads, as one line of JSON in the file READINGS: for Puma and WEBrick, with Rack's own method override.

require 'json'
require 'rack'

OUT = File.open(ENV.fetch('READINGS'), File::WRONLY | File::APPEND | File::CREAT)
OUT.sync = true

def encoded(path)
  path.b.gsub(%r{[^A-Za-z0-9/:@!$&'()*+,;=._~-]}n) { |byte| format('%%%02X', byte.ord) }
end

def text(value)
  value.to_s.b.force_encoding('ISO-8859-1').encode('UTF-8')
end

app = lambda do |env|
  request = Rack::Request.new(env)
  headers = env.select { |name, _| name.start_with?('HTTP_') && name != 'HTTP_VERSION' }
               .map { |name, value| [name[5..].downcase.tr('_', '-'), text(value)] }
  %w[CONTENT_TYPE CONTENT_LENGTH].each do |name|
    headers << [name.downcase.tr('_', '-'), text(env[name])] unless env[name].to_s.empty?
  end
  input = env['rack.input']
  input.rewind if input.respond_to?(:rewind)
  body = input.read.to_s
  path = env['PATH_INFO']
  decoded = path.b.gsub(/%([0-9A-Fa-f]{2})/n) { Regexp.last_match(1).hex.chr }
  facts = { REMOTE_ADDR: env['REMOTE_ADDR'], client: request.ip, host: request.host }
  facts[:REMOTE_USER] = env['REMOTE_USER'] if env['REMOTE_USER']
  reading = {
    method: request.request_method, script: env['SCRIPT_NAME'], path: path,
    query: text(env['QUERY_STRING']), headers: headers, body: text(body.byteslice(0, 512)), length: body.bytesize,
    also: [encoded(decoded)], facts: facts
  }
  OUT.syswrite("#{JSON.generate(reading)}\n")
  last = decoded.bytes.last || 0
  lengths = env['HTTP_HOST'].to_s.split(':').first.to_s.bytesize + env['HTTP_X_TENANT'].to_s.bytesize
  owner = (last + lengths).odd? ? 1 : 2
  content = JSON.generate(ownerId: owner)
  fields = { 'Content-Type' => 'application/json', 'X-Rig-Seen' => env['HTTP_X_RIG_TAG'].to_s }
  [200, fields.merge('Content-Length' => content.bytesize.to_s), [content]]
end

use Rack::MethodOverride
run app
